"""What a kind of work is, and one job of it as a step sees it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import zstandard

from aubier.access.actor import Actor
from aubier.access.view import View
from aubier.rest.exchange import Answer


@dataclass(frozen=True, slots=True)
class File:
    """A file of a job: what its lines are, how many they are, its bytes."""

    kind: str
    hits: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to: the place where the next one begins, how far that is, the files it made.

    With an `answer` the job is done, and the answer is what its asker gets.
    """

    place: Mapping[str, Any] = field(default_factory=dict)
    progress: str = ""
    files: tuple[File, ...] = ()
    answer: Answer | None = None


@dataclass(slots=True)
class Job:
    """A job that this process holds. `asked` is what was asked, `place` where its last step ended.

    `base` is the FHIR base it was asked at, `mark` a commit mark below which nothing will be committed any
    more, `at` the time of that mark in ms, `progress` how far it was last told to be. `held` is what one step
    leaves open for the next one.
    """

    id: str
    holder: str
    actor: Actor
    base: str
    request: str
    asked: Mapping[str, Any]
    place: Mapping[str, Any]
    body: bytes
    mark: int
    at: int
    progress: str = ""
    held: Held | None = None


class Held(Protocol):
    """Something that is to be closed when a walk ends, however it does."""

    def close(self) -> None:
        """Lets go of it."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work. `step(view, job)` does its next part under the rights that its asker has now.

    `most` are the jobs of it that one asker has under way at a time. `past(job)` is what becomes of a job
    whose next part stopped too often; None, or without it, the job is given up.
    """

    kind: str
    most: int
    step: Callable[[View, Job], Awaitable[Step]]
    past: Callable[[Job], Step | None] = lambda job: None


def job_of(row: Mapping[str, Any], holder: str) -> Job:
    """The job of a row that was taken."""
    body = zstandard.decompress(row["body"]) if row["body"] else b""
    return Job(
        row["id"],
        holder,
        read_actor(row["actor"]),
        row["base"],
        row["request"],
        json.loads(row["asked"]),
        json.loads(row["place"]),
        body,
        row["mark"],
        row["at"],
        row["progress"],
    )


def written_actor(actor: Actor) -> str:
    """An actor as it is kept with a job."""
    return json.dumps(asdict(actor))


def read_actor(text: str) -> Actor:
    """The actor that was kept."""
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
    return Actor(**kept)


def owner_of(view: View) -> str:
    """Whose a job is: of this person or program, through this application."""
    actor = view.actor
    return f"{actor.kind}|{actor.login or actor.reference}|{actor.client}"
