"""The shapes that search is made of: a parameter, the index values of a resource, a parsed query."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

ParamType = Literal[
    "token", "reference", "string", "date", "uri", "number", "quantity", "composite", "special"
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter on one resource type.

    `expression` is the part of the FHIRPath expression that concerns `base`. `targets` are the types a
    reference may name. `code` is the name in the query string.
    """

    base: str
    code: str
    type: ParamType
    expression: str
    url: str
    targets: tuple[str, ...] = ()


@dataclass(slots=True)
class Terms:
    """The index values of one resource, each with the code of its parameter.

    tokens: (param, system, code); system is empty when there is none.
    identifiers: (param, system, value), for tokens taken from an Identifier, and
    for `Reference.identifier` (param then ends with `:identifier`).
    references: (param, target): `Type/id` for a local reference (version removed), the URL otherwise
    (canonical URLs keep their `|version`).
    strings: (param, text as written); for the words of a token (display, text) param ends with `:text`.
    uris: (param, uri).
    dates: (param, lo, hi): milliseconds of the epoch UTC, lo included, hi excluded; an open end is
    `MIN_MS` or `MAX_MS`. numbers: (param, value, low, high) with the implied precision range.
    quantities: (param, system, code, value, low, high); unit without code stands in `code` with system empty.
    present: the parameters that have at least one value.
    """

    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    identifiers: list[tuple[str, str, str]] = field(default_factory=list)
    references: list[tuple[str, str]] = field(default_factory=list)
    strings: list[tuple[str, str]] = field(default_factory=list)
    uris: list[tuple[str, str]] = field(default_factory=list)
    dates: list[tuple[str, int, int]] = field(default_factory=list)
    numbers: list[tuple[str, Decimal, Decimal, Decimal]] = field(default_factory=list)
    quantities: list[tuple[str, str, str, Decimal, Decimal, Decimal]] = field(default_factory=list)
    present: set[str] = field(default_factory=set)


MIN_MS = -62_135_596_800_000
"""1 January of year 1, in milliseconds of the epoch: an open beginning."""
MAX_MS = 253_402_300_800_000
"""The end of year 9999, in milliseconds of the epoch: an open end."""
NO_DATE = MIN_MS - 1
"""Both ends of the clinical date of a resource that has none."""
MIN_NUMBER = Decimal("-1e100")
"""Below every number that is searched: the low end of `<5`."""
MAX_NUMBER = Decimal("1e100")
"""Above every number that is searched: the high end of `>5`."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a criterion, already typed by its parameter.

    `prefix` is one of eq ne gt lt ge le sa eb ap (eq when none was given).
    token: `system` is None when no `|` was given (any system), empty for `|code`; `code` may be empty
    (`system|`).
    reference: `text` is `Type/id`, an absolute URL, or a bare id (then `code` holds it and `text` is empty).
    string, uri: `text`. date: `lo`, `hi` in ms (hi excluded). number, quantity: `number` with its implied
    range `low`..`high`; quantity also `system` (None when not given) and `code`.
    """

    text: str = ""
    prefix: str = "eq"
    system: str | None = None
    code: str = ""
    lo: int = 0
    hi: int = 0
    number: Decimal = Decimal(0)
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Criterion:
    """`parameter:modifier=v1,v2` on `type`: any of `values`; or a chain: the target must meet `chain`.

    `modifier` is empty or one of missing, exact, contains, not, identifier, above, below; for `missing`,
    `missing` tells the value. `code:text=x` is a criterion on the string parameter `code:text`. For a chain,
    `chain` holds one alternative per target type that is possible.
    """

    type: str
    parameter: Parameter
    modifier: str = ""
    values: tuple[Value, ...] = ()
    missing: bool = False
    chain: tuple[Criterion | Has, ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """`_has:Observation:patient:code=x`: some `type` meets `criterion` and names this through `reference`.

    `target` is the type of this resource, the one that is named.
    """

    type: str
    reference: Parameter
    criterion: Criterion | Has
    target: str = ""


@dataclass(frozen=True, slots=True)
class Include:
    """`_include=Observation:patient:Patient` (or `_revinclude`); `iterate` repeats it.

    `target` empty means any type.
    """

    source: str
    parameter: Parameter
    target: str = ""
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key; `code` may be `_id` or `_lastUpdated`."""

    parameter: Parameter
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search on one type. All `criteria` must hold.

    `total` is none, estimate or accurate. `cursor` is the opaque text of
    a next link. `applied` are the pairs that were used, as written: the self link is made of them.
    `ignored` are the pairs left out under lenient handling. `within` keeps what names a resource
    (`Patient/1`) by one of these reference parameters: a compartment.
    """

    type: str
    criteria: tuple[Criterion | Has, ...] = ()
    includes: tuple[Include, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = 20
    total: Literal["none", "estimate", "accurate"] = "none"
    summary: str = ""
    elements: tuple[str, ...] = ()
    cursor: str = ""
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    within: tuple[str, tuple[str, ...]] = ("", ())

    @property
    def written(self) -> str:
        """The type and the parameters as they were written: what an audit line says."""
        return self.type + ("?" + "&".join(f"{k}={v}" for k, v in self.applied) if self.applied else "")

    @property
    def text(self) -> str:
        """The applied pairs as one text, the same for the same criteria in any order."""
        return "&".join(sorted(f"{name}={value}" for name, value in self.applied))
