"""What every page of the citizen's space shares: for whom one acts, the frame, the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aubier.access.actor import Context
from aubier.ground.problem import not_found
from aubier.ground.rows import Request, Resource
from aubier.portals.frame.faces import initials
from aubier.portals.frame.house import House
from aubier.portals.frame.page import Acting, Frame, Nav, Pages, frame
from aubier.portals.reading.people import everyday_name
from aubier.portals.reading.reads import found

PAGES = Pages(Path(__file__).parent / "templates")
"""The templates of this room."""

NAV = (
    Nav("home", "/citoyen", "home"),
    Nav("documents", "/citoyen/documents", "paper"),
    Nav("share", "/citoyen/partage", "people"),
    Nav("looks", "/citoyen/acces", "eye"),
    Nav("me", "/citoyen/moi", "person"),
)

FOR_WHOM = "pour"
"""The cookie that remembers for whom one acts. It opens nothing: the view decides what is seen."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record the reader may open: their own, or that of someone they act for."""

    id: str
    name: str
    own: bool
    face: str


@dataclass(frozen=True, slots=True)
class Space:
    """The citizen's space for one request."""

    patient: Resource
    records: tuple[Record, ...]
    frame: Frame

    @property
    def id(self) -> str:
        """The logical id of the Patient whose record is open."""
        return str(self.patient["id"])


async def enter(house: House, ctx: Context, request: Request, current: str) -> Space:
    """Opens the record chosen, else one's own, else the first. Problem `not-found` when there is none."""
    patients = await found(ctx, "Patient", [("_count", "30")])
    patients = [p for p in patients if p["resourceType"] == "Patient"]
    chosen = choose(patients, request.cookies.get(FOR_WHOM, ""), ctx.actor.patient)
    records = tuple(
        Record(p["id"], everyday_name(p), p["id"] == ctx.actor.patient, initials(everyday_name(p)))
        for p in patients
    )
    around = frame(house, ctx, request, space="citizen", home="/citoyen", nav=NAV, current=current)
    if ctx.actor.patient and chosen["id"] != ctx.actor.patient:
        around = replace(around, acting=Acting(everyday_name(chosen), around.texts("for.band")))
    return Space(chosen, records, around)


def choose(patients: Sequence[Resource], wanted: str, own: str) -> Resource:
    """The patient wanted if among them, else one's own, else the first. Problem `not-found` without any."""
    by_id = {p["id"]: p for p in patients}
    for id_ in (wanted, own):
        if id_ in by_id:
            return by_id[id_]
    if not patients:
        raise not_found("Patient")
    return patients[0]


def names(ctx: Context) -> tuple[str, ...]:
    """What the reader is called in audit lines: their reference and their login."""
    return tuple(name for name in (ctx.actor.reference, ctx.actor.login) if name)


BATCH, BATCHES, ENOUGH = 500, 6, 40
"""Audit lines read at once, how many times at most, and the lines by others that are enough to stop."""


async def trail(ctx: Context, patient: str) -> list[Resource]:
    """The audit lines of a record, newest first; reads on while they are nearly all the reader's own."""
    lines: list[Resource] = []
    before = ""
    mine = set(names(ctx))
    for _ in range(BATCHES):
        batch = await ctx.store.accesses(patient, limit=BATCH, before=before)
        lines += batch
        others = sum(1 for e in lines if not {a.get("altId") for a in e.get("agent", [])} & mine)
        if len(batch) < BATCH or others >= ENOUGH:
            break
        before = str(batch[-1]["id"])
    return lines
