"""How the command line speaks: sentences, languages, exit codes, progress."""

import asyncio
import errno
import os
import signal
from collections.abc import Iterator

import pytest

from aubier.cli import speech
from aubier.cli.speech import (
    EXIT,
    INTERRUPTED,
    UNREAD,
    Progress,
    carry_out,
    counted,
    plainly,
    say,
    speak,
    text,
)
from aubier.ground.problem import problem


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Language and signals are the process's own."""
    language, kept = (
        speech._language,
        [(s, signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
    )
    yield
    speak(language)
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.mark.parametrize(("language", "expected"), [("fr", "oui"), ("en", "yes"), ("de", "yes")])
def test_french_or_else_english(language: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    speak(language)
    assert text("oui", "yes") == expected
    say("oui", "yes")
    assert capsys.readouterr().out == expected + "\n"


@pytest.mark.parametrize(("kind", "code"), [*EXIT.items(), ("invalid", 2), ("exception", 2)])
def test_each_kind_of_problem_has_its_exit_code(
    kind: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    speak("en")
    with pytest.raises(SystemExit) as left, plainly():
        raise problem(kind, "It cannot be", "Impossible", at="here")  # type: ignore[arg-type]
    assert left.value.code == code
    assert capsys.readouterr().err == "Error: It cannot be (here)\n"


def test_in_french_too(capsys: pytest.CaptureFixture[str]) -> None:
    speak("fr")
    with pytest.raises(SystemExit), plainly():
        raise problem("invalid", "It cannot be", "Impossible")
    assert capsys.readouterr().err == "Erreur : Impossible\n"


def test_a_reader_that_is_gone_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `aubier accounts | head` does."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as out, monkeypatch.context() as patched:
        patched.setattr("sys.stdout", out)
        with pytest.raises(SystemExit) as left, plainly():
            say("encore", "more")
        print("the last flush finds somebody", file=out, flush=True)
    assert (left.value.code, capsys.readouterr().err) == (UNREAD, "")


def test_ctrl_c_and_an_order_to_end_are_told_alike(capsys: pytest.CaptureFixture[str]) -> None:
    speak("en")
    with pytest.raises(SystemExit) as left, plainly():
        signal.raise_signal(signal.SIGTERM)
    assert (left.value.code, capsys.readouterr().err) == (INTERRUPTED, "Interrupted.\n")


@pytest.mark.parametrize(
    ("language", "number", "told"),
    [
        ("en", errno.EACCES, "Error: /some/file: no right to use it; choose another place, or the account"),
        (
            "fr",
            errno.EACCES,
            "Erreur : /some/file : pas le droit ; choisissez un autre endroit, ou le compte",
        ),
        ("en", errno.ENOSPC, "Error: /some/file: the disk is full; free some space and start again"),
        ("en", errno.EMFILE, f"Error: /some/file: {os.strerror(errno.EMFILE)}"),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    language: str, number: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    speak(language)
    with pytest.raises(SystemExit) as left, plainly():
        raise OSError(number, os.strerror(number), "/some/file")
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith(told)


def test_a_place_that_the_sentence_names_is_not_named_again(capsys: pytest.CaptureFixture[str]) -> None:
    speak("en")
    with pytest.raises(SystemExit), plainly():
        raise problem("value", "AUBIER_PORT is odd", "AUBIER_PORT est bizarre", at="AUBIER_PORT")
    assert capsys.readouterr().err == "Error: AUBIER_PORT is odd\n"


@pytest.mark.parametrize(
    ("number", "fr", "en"),
    [
        (0, "0 mise à jour lue", "0 lines read"),
        (1, "1 mise à jour lue", "1 line read"),
        (2, "2 mises à jour lues", "2 lines read"),
        (39477, "39477 mises à jour lues", "39477 lines read"),
    ],
)
def test_a_number_agrees_with_what_it_counts(number: int, fr: str, en: str) -> None:
    told = []
    for language in ("fr", "en"):
        speak(language)
        told.append(counted(number, "mise(s) à jour lue(s)", "line(s) read"))
    assert told == [fr, en]


def test_progress_elsewhere_than_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    speak("en")
    progress = Progress()
    for done in range(0, 20_001, 100):
        progress(done, "ressources", "resources")
    progress.end()
    lines = capsys.readouterr().out.splitlines()
    assert 3 <= len(lines) <= 12
    assert lines[0] == "  1 000 resources"


def test_an_order_to_end_lets_what_awaits_put_away_what_it_began() -> None:
    done: list[str] = []

    async def act() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            done.append("put away")

    with pytest.raises(SystemExit) as left, plainly():
        carry_out(act())
    assert (left.value.code, done) == (INTERRUPTED, ["put away"])


def test_an_order_sent_twice_at_once_is_one() -> None:
    done: list[str] = []

    async def act() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            done.append("put away")

    with pytest.raises(SystemExit) as left, plainly():
        carry_out(act())
    assert (left.value.code, done) == (INTERRUPTED, ["put away"])


def test_an_order_that_comes_later_cuts_the_putting_away_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "_TOGETHER", 0.0)

    async def act() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)

    with pytest.raises(SystemExit) as left, plainly():
        carry_out(act())
    assert left.value.code == INTERRUPTED


def test_an_order_that_comes_too_late_for_one_act_stops_the_next() -> None:
    async def act() -> None:
        signal.raise_signal(signal.SIGINT)

    begun: list[int] = []
    with pytest.raises(SystemExit), plainly():
        carry_out(act())
        begun.append(1)
    assert begun == []
