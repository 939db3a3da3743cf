"""The load plan: everything the sandbox holds, as a stream of batches that a loader writes in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from aubier.ground.rows import Resource
from aubier.sandbox.batch import Batch, Delegation, Relationship
from aubier.sandbox.clinical.documents import Writer, plain_text
from aubier.sandbox.clinical.histories import history
from aubier.sandbox.clinical.record import NamedIds, Record, relation
from aubier.sandbox.stories import play
from aubier.sandbox.stories.cast import Cast
from aubier.sandbox.territory import directory as listing
from aubier.sandbox.territory.carers import Carer, Directory
from aubier.sandbox.territory.days import age
from aubier.sandbox.territory.draw import Draw
from aubier.sandbox.territory.households import Household, Registry, households
from aubier.sandbox.territory.people import Person, identity, patient


@dataclass(frozen=True, slots=True)
class Settings:
    """What a territory is made from. `citizens` counts generated people, stories come on top.

    The same settings give the same bytes. `today` is the day the histories end; `stories` holds the keys
    wanted (None for all, empty for none); `density` multiplies visits, results and documents; `writer` gives
    documents their form (plain text when nothing better is plugged in).
    """

    today: date
    citizens: int = 2000
    seed: int | str = 1
    density: float = 1.0
    stories: tuple[str, ...] | None = None
    writer: Writer = plain_text


def territory(settings: Settings) -> Iterator[Batch]:
    """Every batch in load order: the directory, the stories, then households one by one.

    Memory stays flat: nothing of a household is kept once it was given.
    """
    carers = Directory(settings.seed, settings.today)
    registry, cast = Registry(), Cast(carers)
    carers.populate(settings.citizens)
    told = list(_stories(settings, carers, registry, cast))
    yield from listing.batches(carers)
    yield from told
    for home in households(settings.seed, settings.citizens, today=settings.today, registry=registry):
        yield _batch(home, carers, settings)


def _stories(settings: Settings, carers: Directory, registry: Registry, cast: Cast) -> Iterator[Batch]:
    """The stories asked for; all are built, so that leaving one out changes nothing elsewhere."""
    wanted = None if settings.stories is None else {f"stories/{key}" for key in settings.stories}
    for batch in play(
        settings.seed,
        settings.today,
        directory=carers,
        registry=registry,
        writer=settings.writer,
        cast=cast,
    ):
        if wanted is None or batch.name in wanted or batch.name == "stories/cast":
            yield batch


def generate(citizens: int, seed: int | str, today: date) -> Iterator[Resource]:
    """Only the resources of a territory, in load order."""
    for batch in territory(Settings(today=today, citizens=citizens, seed=seed)):
        yield from batch.resources


def _batch(home: Household, carers: Directory, settings: Settings) -> Batch:
    batch = Batch(f"household/{home.number}")
    for person in home.people:
        draw = Draw(settings.seed, "life", person.number)
        record = Record(person, _any_id(draw))
        doctor = history(
            record,
            draw,
            carers,
            today=settings.today,
            writer=settings.writer,
            density=settings.density,
        )
        _parents(record, home, person, settings.today)
        batch.resources += [patient(person, doctor.link), *record.entries]
        batch.identities.append(identity(person))
        batch.rights += _rights(person, doctor, home, settings.today)
    return batch


def _any_id(draw: Draw) -> NamedIds:
    return lambda entry: draw.uuid()


def _parents(record: Record, home: Household, child: Person, today: date) -> None:
    if child in home.children and age(child.birth, today) < 18:
        for parent in home.adults:
            code = relation("MTH", "Mère") if parent.sex == "F" else relation("FTH", "Père")
            record.relative(code, parent, since=child.birth)


def _rights(person: Person, doctor: Carer, home: Household, today: date) -> list[Relationship | Delegation]:
    since = max(person.birth, doctor.since)
    rights: list[Relationship | Delegation] = [
        Relationship(person.id, doctor.key, "treating-doctor", start=since)
    ]
    if person in home.children and age(person.birth, today) < 18:
        until = person.birth.replace(year=person.birth.year + 18, day=min(person.birth.day, 28))
        rights += [
            Delegation(person.id, parent.key, "parental-authority", start=person.birth, end=until)
            for parent in home.adults
        ]
    return rights
