"""Issues as they are told: bounded, so that no flood of lesser ones hides an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aubier.ground.problem import Issue
from aubier.validation.drafts import LIMIT

_ERROR = "error"


@dataclass(slots=True)
class Telling:
    """So many errors, and so many others of each kind; those beyond are counted only."""

    issues: list[Issue] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)

    @property
    def refused(self) -> bool:
        """Whether there is an error."""
        return self.count[_ERROR] > 0

    def add(self, issue: Issue) -> None:
        """Takes in an issue."""
        own = _ERROR if issue.severity in (_ERROR, "fatal") else issue.kind
        self.count[own] += 1
        if self.count[own] <= LIMIT:
            self.issues.append(issue)

    def told(self) -> list[Issue]:
        """The issues, and what says that there are more."""
        beyond = {own == _ERROR for own, n in self.count.items() if n > LIMIT}
        return [*self.issues, *(and_more(errors=errors) for errors in sorted(beyond))]


def bounded(issues: Iterable[Issue]) -> list[Issue]:
    """The issues, each once, within the bounds."""
    telling = Telling()
    for issue in dict.fromkeys(issues):
        telling.add(issue)
    return telling.told()


def and_more(*, errors: bool = True) -> Issue:
    """What says that not all is shown: of the errors, or of what is less than one."""
    what, fr = ("errors", "erreurs") if errors else ("remarks of a kind", "remarques d'une même sorte")
    return Issue(
        "too-costly",
        f"There are more {what}: only the first {LIMIT} are shown",
        f"Il y a d'autres {fr} : seules les {LIMIT} premières sont montrées",
        severity="error" if errors else "information",
    )


def incomplete(count: int) -> Issue:
    """References whose targets were not looked at, for there were too many."""
    return Issue(
        "too-costly",
        f"{count} of the resources that are named here were not looked at: they are too many at once",
        f"{count} des ressources nommées ici n'ont pas été regardées : il y en a trop à la fois",
        severity="information",
    )


def exhausted() -> Issue:
    """More work than one validation may take."""
    return Issue(
        "too-costly",
        "This takes too much work for one validation: the rest was not checked",
        "Trop de travail pour une validation : le reste n'a pas été vérifié",
    )
