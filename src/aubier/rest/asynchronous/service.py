"""The row of asynchronous requests, and the job that takes up those that were interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aubier.ground.rows import Job, Service
from aubier.rest.asynchronous.running import resume
from aubier.rest.asynchronous.tables import MIGRATIONS, STATEMENTS, STUCK
from aubier.rest.asynchronous.work import Work

SERVICE = Service(
    "asynchronous",
    {"fr": "Demandes différées", "en": "Asynchronous requests"},
    {
        "fr": "Ce qui prend du temps : demandé, suivi, repris après une panne, annulé, oublié à terme.",
        "en": "What takes time: asked, followed, taken up after a breakdown, cancelled, forgotten in time.",
    },
    migrations=MIGRATIONS,
    statements=STATEMENTS,
    stuck=(STUCK,),
)
"""Everything this room brings, but the job: it needs to be told the kinds of work there are."""


def resuming(works: Mapping[str, Work]) -> Job:
    """The job that takes up what a process that was killed left."""
    return Job(
        "asynchronous",
        60,
        partial(resume, works=works),
        {"fr": "Reprendre les demandes interrompues", "en": "Take up requests that were interrupted"},
    )
