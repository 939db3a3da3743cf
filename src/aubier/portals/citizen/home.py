"""The citizen's home: one next step, what I take, what is new, my circle, who looked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from aubier.ground.rows import Resource
from aubier.portals.citizen.circle import Person, circle, rights
from aubier.portals.citizen.looks import Visit, read_looks, visits
from aubier.portals.citizen.steps import Step, StepFacts, next_step
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.medicines import Medicine, medicines, with_tasks
from aubier.portals.reading.papers import Paper, papers
from aubier.portals.reading.people import first_name, is_deceased
from aubier.portals.reading.plot import Plot, plot


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """The FHIR resources a home is made of. `total` counts the current documents.

    `consents` None: who sees the record is not the reader's to know.
    """

    patient: Resource
    requests: Sequence[Resource] = ()
    documents: Sequence[Resource] = ()
    total: int = 0
    consents: Sequence[Resource] | None = ()
    teams: Sequence[Resource] = ()
    relatives: Sequence[Resource] = ()
    audit: Sequence[Resource] = ()
    tasks: Sequence[Resource] = ()
    measures: Sequence[Resource] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """What the home page shows."""

    first_name: str
    step: Step | None
    medicines: tuple[Medicine, ...]
    more_medicines: int
    papers: tuple[Paper, ...]
    total: int
    circle: tuple[Person, ...]
    more_people: int
    visits: tuple[Visit, ...]
    plot: Plot | None
    closed: bool


def home(facts: HomeFacts, own: Collection[str], now: datetime, texts: Texts) -> Home:
    """The home made of `facts`; `own` are the names of the reader, whose visits are not listed."""
    taken = with_tasks(medicines(facts.requests, now, texts), facts.tasks, now, texts)
    lines = papers(facts.documents, now, texts)
    people = circle(facts.teams, facts.relatives, facts.consents or (), now, texts)
    chosen = StepFacts(facts.tasks, taken, lines, _opened(facts, now, texts))
    seen = [v for day in visits(read_looks(facts.audit), own, now, texts) for v in day.visits if not v.mine]
    return Home(
        first_name=first_name(facts.patient),
        step=None if is_deceased(facts.patient) else next_step(chosen, now, texts),
        medicines=tuple(taken[:4]),
        more_medicines=max(0, len(taken) - 4),
        papers=tuple(lines[:3]),
        total=facts.total,
        circle=tuple(people[:6]),
        more_people=max(0, len(people) - 6),
        visits=tuple(seen[:3]),
        plot=plot(facts.measures, now, texts),
        closed=facts.consents is None,
    )


def _opened(facts: HomeFacts, now: datetime, texts: Texts) -> int:
    """How many may see the record; one at least when that is not the reader's to decide."""
    return 1 if facts.consents is None else len(rights(facts.consents, now, texts).open)
