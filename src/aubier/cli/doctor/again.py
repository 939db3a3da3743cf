"""`aubier retry`: what was given up is tried again."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.app import may_stand_still
from aubier.cli.instance import database
from aubier.cli.speech import carry_out, say
from aubier.ground.problem import problem
from aubier.settings import Settings
from aubier.store.opening.standing import try_again


def retry(settings: Settings, names: Sequence[str]) -> None:
    """Tries again what bears these names, as `aubier doctor` prints them, or everything without any.

    While running, or for the next start. Problem (not-found) when nothing of a name was given up; what the
    names before it bear is tried again all the same.
    """
    done = 0
    with database(settings) as dsn:
        for name in names or ("",):
            found = carry_out(try_again(dsn, may_stand_still(), name))
            if name and not found:
                raise problem(
                    "not-found",
                    f"Nothing of {name[:80]} was given up; aubier doctor says what was",
                    f"Rien de {name[:80]} n'a été abandonné ; aubier doctor dit ce qui l'a été",
                    at="NAME",
                )
            done += found
    if done:
        say(f"Remis en route : {done}", f"To be tried again: {done}")
    else:
        say("Rien n'a été abandonné", "Nothing was given up")
