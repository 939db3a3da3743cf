"""One evaluation: what the caller gives it to know of the world, what it has left to spend, what stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from aubier.ground.problem import Issue, Kind, Problem

Triple: TypeAlias = tuple[Any, Any, str]
"""A value, its sibling (`id` and extensions of a primitive) or None, and its type."""
Items: TypeAlias = list[Triple]
"""A collection while evaluating."""

MAX_TEXT = 1_048_576
"""The longest text that an expression may make, in characters: that of a FHIR string."""
BUDGET = 2_000_000
"""Items looked at or made in one evaluation, at most; 64 characters made count as one."""


@dataclass(slots=True)
class Tally:
    """What several evaluations together may still spend. Whoever gives it stops when nothing is left."""

    left: int


@dataclass(frozen=True, slots=True)
class Environment:
    """The world outside the data, as the caller chooses to give it. What is absent is refused when asked for.

    `resource` and `root_resource` are `%resource` and `%rootResource` when the expression is evaluated on
    a part of them. `resolve` takes a Reference as it stands, or a uri. `member_of` takes a code, Coding or
    CodeableConcept and the URL of a value set, `subsumes` two Codings, `conforms_to` a resource and the URL
    of a profile, `in_slice` an element, the URL of a structure and the name of a slice; each answers None
    when it does not know. `html_checks` takes the text of a narrative. `trace` takes a name and values.
    `constants` are the values of further `%names`. `tally` hears what is spent of the `budget`.
    Everything is synchronous.
    """

    resource: dict[str, Any] | None = None
    root_resource: dict[str, Any] | None = None
    resolve: Callable[[Any], dict[str, Any] | None] | None = None
    member_of: Callable[[Any, str], bool | None] | None = None
    subsumes: Callable[[dict[str, Any], dict[str, Any]], bool | None] | None = None
    conforms_to: Callable[[Any, str], bool | None] | None = None
    in_slice: Callable[[Any, str, str], bool | None] | None = None
    html_checks: Callable[[str], bool] | None = None
    trace: Callable[[str, list[Any]], None] | None = None
    now: datetime | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    budget: int = BUDGET
    tally: Tally | None = None


NOWHERE = Environment()
"""No world: the data alone."""


class Fault(Problem):
    """A refusal while evaluating, before the text of the expression is added to it."""


def fault(text: str, fr: str, *, kind: Kind = "invalid") -> Fault:
    """What stops an evaluation: English and French, without the expression."""
    return Fault((Issue(kind, text, fr),))


def located(found: Fault, expression: str) -> Problem:
    """The Problem that the caller sees: what, and in which expression."""
    shown = expression if len(expression) <= 120 else expression[:117] + "..."
    issues = (
        Issue(i.kind, f"FHIRPath: {i.text}, in: {shown}", f"FHIRPath : {i.fr}, dans : {shown}", i.at)
        for i in found.issues
    )
    return Problem(tuple(issues))


class Run:
    """One evaluation under way: its environment, the resource it began on, what may still be spent.

    `below` holds what was found below objects, by identity and type, each with the object itself; `held` what
    variables of the expression hold.
    """

    __slots__ = ("_start", "below", "environment", "held", "left")

    def __init__(self, start: Any, environment: Environment) -> None:
        self.environment = environment
        self.below: dict[tuple[int, str], tuple[Any, Items]] = {}
        self.held: dict[int, Items] = {}
        self.left = environment.budget
        self._start = start

    @property
    def resource(self) -> Any:
        """`%resource`: what is evaluated on, unless the environment says what it is a part of."""
        given = self.environment.resource
        return self._start if given is None else given

    @property
    def root(self) -> Any:
        """`%rootResource`: the resource itself, unless the environment says what contains it."""
        given = self.environment.root_resource
        return self.resource if given is None else given

    def spend(self, made: Sized) -> bool:
        """Counts the items of a collection. Always true; Problem `too-costly` when nothing is left."""
        self.left -= len(made)
        if self.left < 0:
            raise _costly()
        return True

    def charge(self, amount: int) -> None:
        """Counts so many items; Problem `too-costly` when nothing is left."""
        self.left -= amount
        if self.left < 0:
            raise _costly()

    def text(self, made: str) -> str:
        """A text that was made, counted; Problem `too-costly` when it is too long."""
        if len(made) > MAX_TEXT:
            raise fault(
                f"a text of more than {MAX_TEXT} characters",
                f"texte de plus de {MAX_TEXT} caractères",
                kind="too-costly",
            )
        self.charge(len(made) >> 6)
        return made


def _costly() -> Fault:
    return fault(
        "too much work for one evaluation; narrow what it looks at",
        "trop de travail pour une évaluation ; restreignez ce qu'elle parcourt",
        kind="too-costly",
    )
