"""The processes of a load: each is given part after part; one that dies is replaced, its part begun again."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aubier.app import House
from aubier.cli.loading.messages import Begin, framed, received
from aubier.cli.loading.parts import Outcome, Part, Touched
from aubier.cli.loading.storing import Storing
from aubier.cli.loading.turns import Turns
from aubier.ground.problem import Problem, problem

PROGRAM = "aubier.cli.loading.worker"
_TRIES = 3

Told = Callable[[Outcome], None]


class Died(Exception):
    """A process ended while it was waited for."""


@dataclass(slots=True)
class Crew:
    """Loads parts with so many processes; with one, in this very process.

    Each process holds one part, with its rows, in memory.
    """

    house: House
    processes: int
    members: list[Member] = field(default_factory=list)

    async def run(self, parts: Iterator[Part], told: Told) -> None:
        """Stores every part; `told` hears what came of each. Problem (transient): no answer of the store."""
        if self.processes < 2:
            storing = Storing(self.house, beside=False)
            for part in parts:
                storing.read(part)
                told(await storing.store())
            return
        told_in_order = _in_order(told)
        turns, numbered = Turns(), enumerate(parts)
        begin = Begin(self.house.settings, self.house.store.dsn)
        self.members = self.members or [Member(begin) for _ in range(self.processes)]
        lanes = [
            asyncio.create_task(_lane(member, numbered, turns, told_in_order)) for member in self.members
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def end(self) -> None:
        """Ends the processes."""
        for member in self.members:
            await member.end()


async def _lane(
    member: Member, parts: Iterator[tuple[int, Part]], turns: Turns, told: Callable[[int, Outcome], None]
) -> None:
    for number, part in parts:
        turns.begin(number)
        try:
            outcome = await _stored(member, number, part, turns)
        finally:
            await turns.end(number)
        told(number, outcome)


def _in_order(told: Told) -> Callable[[int, Outcome], None]:
    """Tells what came of parts in the order of the parts, whichever is stored first."""
    early: dict[int, Outcome] = {}
    due = 0

    def tell(number: int, outcome: Outcome) -> None:
        nonlocal due
        early[number] = outcome
        while due in early:
            told(early.pop(due))
            due += 1

    return tell


async def _stored(member: Member, number: int, part: Part, turns: Turns) -> Outcome:
    """A part that was stored when its process died is found stored, and counts as unchanged."""
    for _ in range(_TRIES):
        try:
            touched: Touched = await member.ask(part)
            await turns.wait(number, touched)
            outcome: Outcome = await member.ask(None)
            return outcome
        except Died:
            await member.end()
    outcome = Outcome()
    outcome.report.refused.append((part.documents[0].place, _given_up(len(part.documents))))
    return outcome


def _given_up(number: int) -> Problem:
    return problem(
        "exception",
        f"The process that loads died {_TRIES} times over {number} documents, of which this is the first:"
        " look at the memory of the machine, or load them by themselves with --processes 1",
        f"Le processus de chargement est mort {_TRIES} fois sur {number} documents, dont voici le premier :"
        " voyez la mémoire de la machine, ou chargez-les seuls avec --processes 1",
    )


@dataclass(slots=True)
class Member:
    """One process, started when it is first asked."""

    begin: Begin
    _process: Process | None = None

    @property
    def pid(self) -> int:
        """Its number; 0 when it does not run."""
        return self._process.pid if self._process else 0

    async def ask(self, message: Any) -> Any:
        """Its answer. Died: it ended instead. Problem: what it could not get over."""
        try:
            if self._process is None:
                self._process = await _started()
                self._send(self.begin)
            self._send(message)
            assert self._process.stdin and self._process.stdout
            await self._process.stdin.drain()
            answer = await received(self._process.stdout)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Died from error
        if isinstance(answer, Problem):
            raise answer
        return answer

    def _send(self, message: Any) -> None:
        assert self._process and self._process.stdin
        self._process.stdin.write(framed(message))

    async def end(self) -> None:
        """Ends it; what it had not committed is rolled back."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _started() -> Process:
    # In a session of its own: Ctrl-C is for the command, which ends its processes.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", PROGRAM, stdin=PIPE, stdout=PIPE, start_new_session=True
    )
