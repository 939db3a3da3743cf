"""How the command line speaks: plain sentences, in the language of the instance, and exit codes."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from aubier.ground.problem import Problem

T = TypeVar("T")

EXIT = {
    "login": 3,
    "forbidden": 3,
    "not-found": 4,
    "deleted": 4,
    "conflict": 5,
    "duplicate": 5,
    "lock-error": 6,
    "transient": 7,
    "not-supported": 8,
}
"""The exit code of each kind of Problem; any other is 2."""

_language = "fr"


def speak(language: str) -> None:
    """Chooses the language of what follows: `fr` or `en`."""
    global _language
    _language = language


def text(fr: str, en: str) -> str:
    """The sentence in the chosen language."""
    return fr if _language == "fr" else en


def say(fr: str, en: str) -> None:
    """Prints a sentence on standard output, at once."""
    click.echo(text(fr, en))
    sys.stdout.flush()


def counted(number: int, fr: str, en: str) -> str:
    """A number and what it counts, in the chosen language: `3005 ressources` of "ressource(s)".

    "(s)" is left out for one thing, in French for none too.
    """
    return f"{number} {_agreed(number, fr, en)}"


def _agreed(number: int, fr: str, en: str) -> str:
    one = number == 1 or (number == 0 and _language == "fr")
    return text(fr, en).replace("(s)", "" if one else "s")


def stored(created: int, updated: int, unchanged: int, refused: int) -> str:
    """What came of resources that were to be stored, in the chosen language."""
    counts = (
        counted(created, "créée(s)", "created"),
        counted(updated, "mise(s) à jour", "updated"),
        counted(unchanged, "inchangée(s)", "unchanged"),
        counted(refused, "refusée(s)", "refused"),
    )
    return ", ".join(counts)


@contextmanager
def plainly() -> Iterator[None]:
    """Turns a Problem, Ctrl-C or an order to end into sentences on standard error and an exit code.

    SIGTERM and a closed terminal end a command as Ctrl-C does: what it started is stopped first.
    """
    # A script that starts us behind it (`aubier up &`) makes us deaf to Ctrl-C: we listen all the same.
    for order in _ORDERS:
        signal.signal(order, _interrupt)
    try:
        yield
    except Problem as refusal:
        for issue in refusal.issues:
            said = text(issue.fr, issue.text)
            unsaid = ", ".join(place for place in issue.at if place not in said)
            place = f" ({unsaid})" if unsaid else ""
            click.echo(f"{text('Erreur : ', 'Error: ')}{said}{place}", err=True)
        raise SystemExit(EXIT.get(refusal.kind, 2)) from refusal
    except KeyboardInterrupt as stop:
        click.echo(text("Interrompu.", "Interrupted."), err=True)
        raise SystemExit(INTERRUPTED) from stop
    except BrokenPipeError as gone:
        _let_go()
        raise SystemExit(UNREAD) from gone
    except OSError as error:
        where = f"{error.filename}{text(' : ', ': ')}" if error.filename else ""
        click.echo(f"{text('Erreur : ', 'Error: ')}{where}{_refused(error)}", err=True)
        raise SystemExit(2) from error


def _refused(error: OSError) -> str:
    """What the system refused, and how to mend it where that is known; else its own words."""
    fr, en = _REFUSALS.get(error.errno or 0, ("", ""))
    return text(fr, en) or error.strerror or str(error)


_NO_RIGHT = (
    "pas le droit ; choisissez un autre endroit, ou le compte à qui il est",
    "no right to use it; choose another place, or the account that owns it",
)
_FULL = (
    "le disque est plein ; libérez de la place et recommencez",
    "the disk is full; free some space and start again",
)
_REFUSALS = {
    errno.ENOENT: ("ce fichier ou ce dossier n'existe pas", "there is no such file or folder"),
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: _NO_RIGHT,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}


INTERRUPTED = 130
"""The exit code of a command stopped before its end, as shells have it."""


UNREAD = 141
"""The exit code of a command whose reader is gone (`aubier accounts | head`), as shells have it."""


def _let_go() -> None:
    """Nobody reads what is printed: what is left of it goes nowhere, and Python's last flush says nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


_ORDERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_TOGETHER = 0.5
"""Seconds within which two orders to end are the same one."""


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def carry_out(act: Coroutine[Any, Any, T]) -> T:
    """Runs what awaits, and gives its result. An order to end cancels it, so that it puts away what it
    began; one that comes later cuts that short too. Raises KeyboardInterrupt after either.

    Raised wherever the event loop happens to be, the interruption could make it lose the very step that
    someone waits for, and the command would never end.
    """
    try:
        return asyncio.run(_heeding(act))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _heeding(act: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    came: list[float] = []
    assert task

    def heed(number: int, frame: object) -> None:
        # Orders that come together are one: a program that runs us may send it to us and to our group.
        if not came or loop.time() - came[-1] > _TOGETHER:
            loop.call_soon_threadsafe(task.cancel)
        came.append(loop.time())

    before = {order: signal.signal(order, heed) for order in _ORDERS}
    try:
        result = await act
    finally:
        for order, handler in before.items():
            signal.signal(order, handler)
    if came:  # too late to stop this, not what comes next
        raise asyncio.CancelledError
    return result


@contextmanager
def undisturbed() -> Iterator[None]:
    """Orders to end wait until the block is over: a child program must have a handle to be stopped by."""
    came: list[int] = []
    before = {order: signal.signal(order, lambda number, _: came.append(number)) for order in _ORDERS}
    try:
        yield
    finally:
        for order, handler in before.items():
            signal.signal(order, handler)
    if came:
        raise KeyboardInterrupt


class Progress:
    """A line that is rewritten on a terminal, and a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._last = 0

    def __call__(self, done: int, fr: str, en: str) -> None:
        """Tells how far it is: `done` things so far, named as for `counted`."""
        line = f"  {done:,} ".replace(",", " ") + _agreed(done, fr, en)
        if self._terminal:
            click.echo(f"\r{line}\033[K", nl=False)
        elif done >= self._last * 1.5 + 1000 or done < self._last:
            click.echo(line)
            self._last = done
        sys.stdout.flush()

    def end(self) -> None:
        """Closes the line."""
        if self._terminal:
            click.echo("")
