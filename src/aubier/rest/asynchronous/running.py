"""Walks a job, step by step, under the rights that its asker has at that moment."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from weakref import WeakKeyDictionary

import zstandard

from aubier.access.actor import Context, Withdrawn
from aubier.access.view import View
from aubier.ground.chance import secret
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Issue, Problem, problem
from aubier.rest.asynchronous.receipts import written_by
from aubier.rest.asynchronous.work import Job, Step, Work, job_of
from aubier.rest.exchange import Answer, failed

LEASE_MS = 45_000
"""How long a job that stands still is left to whoever took it."""
BEAT = 10.0
"""How often, in seconds, a step that takes long says that it goes on, and hears that it was cancelled."""
KEPT_MS = 24 * 3600 * 1000
"""How long the answer waits to be fetched."""
AT_ONCE = 2
"""Jobs walked at a time in one process: each may hold a connection, of which half are for whoever waits."""
TRIES = 5
"""How often a step may stop half-way before the job is given up: none is tried for ever."""

SWEPT = 50
"""Files deleted by one statement."""

_log = logging.getLogger("aubier.rest.asynchronous")
_under_way: set[asyncio.Task[None]] = set()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class _Lost(Exception):
    """The job was cancelled, or another process has taken it."""


def start(view: View, work: Work, job: str) -> None:
    """Walks a job beside the requests of this process; another takes over if it does not end."""
    task = asyncio.get_running_loop().create_task(_guarded(view, work, job), name=job)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def resume(ctx: Context, works: Mapping[str, Work]) -> None:
    """Begins to walk the jobs of a process that was killed, and deletes what is past its time.

    None of them is waited for: one may take hours, and others are left meanwhile.
    """
    now = milliseconds(ctx.now)
    await ctx.store.run("asynchronous.sweep", now)
    await sweep_orphans(ctx.store)
    here = {task.get_name() for task in _under_way}
    for row in await ctx.store.run("asynchronous.waiting", now):
        if row["kind"] in works and row["id"] not in here:
            start(ctx.store, works[row["kind"]], row["id"])


async def sweep_orphans(view: View) -> None:
    """Deletes the files that are no job's any more, some at a time."""
    swept = SWEPT
    while swept >= SWEPT:
        swept = (await view.run("asynchronous.orphans", SWEPT))[0]["n"]


async def _guarded(view: View, work: Work, job: str) -> None:
    asked, turn = monotonic(), _Turn()
    try:
        await turn.take()
        # Whoever waited for a turn has the rights, and holds the job from, when it came.
        now = view.now + timedelta(seconds=monotonic() - asked)
        await walk(replace(view, now=now), work, job, turn)
    except Problem as refusal:
        _log.warning("job %s (%s): %s; it will be taken up again", job, work.kind, refusal)
    except Exception:
        _log.exception("job %s (%s) stopped; it will be taken up again", job, work.kind)
    finally:
        turn.leave()


def _turn() -> asyncio.Semaphore:
    """Lets a few jobs through at a time; those that wait are not taken yet, and another may have them."""
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        _turns[loop] = asyncio.Semaphore(AT_ONCE)
    return _turns[loop]


@dataclass(slots=True)
class _Turn:
    """The turn of one job. After each step it is offered to those that wait: some have steps for hours."""

    held: bool = False

    async def take(self) -> None:
        await _turn().acquire()
        self.held = True

    def leave(self) -> None:
        if self.held:
            self.held = False
            _turn().release()

    async def offer(self) -> float:
        """Lets whoever waits go first; how long that took, in seconds."""
        begun = monotonic()
        if self.held:
            self.leave()
            await self.take()
        return monotonic() - begun


async def walk(view: View, work: Work, job: str, turn: _Turn | None = None) -> None:
    """Walks a job to its end; does nothing when it is not running or another walks it.

    A refusal (rights that ended, say) is its answer; a store that does not answer, or any other fault, leaves
    it to be taken up again. Whose asker's account, application or token was withdrawn is cancelled.
    """
    walker = _Walker(view, work)
    until = milliseconds(view.now) + LEASE_MS
    holder = secret(12)
    found = await view.run("asynchronous.take", job, milliseconds(view.now), until, holder)
    if not found:
        return
    held = job_of(found[0], holder)
    try:
        if found[0]["tries"] > TRIES:
            await walker.go_past(held)
        while (step := await walker.step(held)).answer is None:
            held.place, held.progress = step.place, step.progress
            if turn is not None and await turn.offer() > BEAT:
                await walker.keep(held)
        await walker.end(held, step.answer)
    except _Lost:
        return
    except Withdrawn:
        await walker.cancel(held)
    except Problem as refusal:
        if refusal.kind == "transient":
            raise
        await walker.end(held, failed(refusal, "en"))
    finally:
        if held.held is not None:
            held.held.close()


def _given_up() -> Problem:
    return problem(
        "exception",
        f"This stopped {TRIES} times at the same place and was given up; ask again, or for less",
        f"Arrêté {TRIES} fois au même endroit et abandonné ; redemandez, ou demandez moins",
    )


_NAMED = 50
"""Writes that the answer of a cancelled job names."""


def _withdrawn(progress: str, written: Sequence[str]) -> Problem:
    issues = [
        Issue(
            "forbidden",
            "Cancelled: the application, its token or the account that asked was withdrawn",
            "Annulé : l'application, son jeton ou le compte qui l'a demandé a été retiré",
        )
    ]
    if progress:
        told = (f"Done before, which stays: {progress}", f"Fait auparavant, et qui reste : {progress}")
        issues.append(Issue("informational", *told, severity="information"))
    if written:
        named = ", ".join(written[:_NAMED]) + ("..." if len(written) > _NAMED else "")
        english = f"Written before, which stays: {len(written)} ({named})"
        french = f"Écrit auparavant, et qui reste : {len(written)} ({named})"
        issues.append(Issue("informational", english, french, severity="information"))
    return Problem(tuple(issues))


@dataclass(slots=True)
class _Walker:
    view: View
    work: Work
    begun: float = field(default_factory=monotonic)

    def now(self) -> datetime:
        """The moment, by the clock of the view and what has passed since."""
        return self.view.now + timedelta(seconds=monotonic() - self.begun)

    def lease(self) -> int:
        return milliseconds(self.now()) + LEASE_MS

    async def step(self, job: Job) -> Step:
        """The next step, done and written, unless it is the last one, which `end` writes."""
        # Rights are those of this moment: what was revoked since the request is not seen any more.
        actor = await self.view.still(job.actor)
        seen = self.view.access.view(actor, self.now())
        seen = replace(seen, sight=seen.sight.but(unhurried=True))
        step = await self._while_held(job, asyncio.ensure_future(self.work.step(seen, job)))
        if step.answer is None:
            await self._write(job, step)
        return step

    async def go_past(self, job: Job) -> None:
        """Leaves out the part at which a job stopped too often. Problem: nothing comes after it."""
        step = self.work.past(job)
        if step is None:
            raise _given_up()
        await self._write(job, step)
        job.place, job.progress = step.place, step.progress

    async def keep(self, job: Job) -> None:
        """The job stays ours for a while more, unless it was cancelled or is another's by now (_Lost)."""
        if not await self.view.run("asynchronous.keep", job.id, job.holder, self.lease()):
            raise _Lost

    async def _while_held(self, job: Job, task: asyncio.Future[Step]) -> Step:
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=BEAT)
                if not task.done():
                    await self.keep(job)
                    await self.view.still(job.actor)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _write(self, job: Job, step: Step) -> None:
        packed = [await asyncio.to_thread(zstandard.compress, f.body) for f in step.files]
        done = await self.view.run(
            "asynchronous.step",
            job.id,
            job.holder,
            json.dumps(step.place),
            step.progress,
            self.lease(),
            [f.kind for f in step.files],
            [f.hits for f in step.files],
            packed,
        )
        if not done:
            raise _Lost

    async def cancel(self, job: Job) -> None:
        """Ends a job whose asker may not act any more: what it wrote stays and is told, its files go."""
        written = [f"{w.type}/{w.id}/_history/{w.version}" for w in await written_by(self.view, job.id)]
        told = failed(_withdrawn(job.progress, written), "en")
        await self.end(job, told, bare=True)
        view = self.view.access.view(job.actor, self.now())
        await view.note("operation", f"{self.work.kind} {job.id}", "cancelled")

    async def end(self, job: Job, answer: Answer, *, bare: bool = False) -> None:
        """Keeps the answer, which ends the job; `bare` without the files it made."""
        told = {"status": answer.status, "headers": answer.headers, "media_type": answer.media_type}
        until = milliseconds(self.now()) + KEPT_MS
        body = await asyncio.to_thread(zstandard.compress, answer.body)
        await self.view.run("asynchronous.end", job.id, job.holder, json.dumps(told), until, body, bare)
