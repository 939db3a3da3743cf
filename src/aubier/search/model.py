"""The shapes that search is made of: a parameter, the index values of a resource, a parsed query."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

ParamType = Literal[
    "token", "reference", "string", "date", "uri", "number", "quantity", "composite", "special"
]


class Parameter(msgspec.Struct, frozen=True, cache_hash=True):
    """One search parameter on one resource type.

    `expression` is the part of the FHIRPath expression that concerns `base`. `targets` are the types a
    reference may name. `code` is the name under which its values are kept: that of the query string, with
    `#` and the number of its making when it is a custom one, so that rows of another making are never met.
    `groups` are what a composite compares. A custom one may narrow what it takes: `modifiers` (the
    standard's codes), `comparators`; empty means all of its type. `lists`: whether it takes several values.
    """

    base: str
    code: str
    type: ParamType
    expression: str
    url: str
    targets: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    modifiers: frozenset[str] = frozenset()
    comparators: frozenset[str] = frozenset()
    lists: bool = True

    @property
    def name(self) -> str:
        """The name in the query string."""
        head, _, rest = self.code.partition("#")
        return head + rest.lstrip("0123456789")

    @property
    def making(self) -> int:
        """The number of its making; 0 for one that is not custom."""
        number = self.code.partition("#")[2].partition(":")[0]
        return int(number) if number else 0


class Part(msgspec.Struct, frozen=True, cache_hash=True):
    """One part of a composite: the parameter that reads its values, and where they are below the element."""

    parameter: Parameter
    expression: str


class Group(msgspec.Struct, frozen=True, cache_hash=True):
    """The elements at `expression` whose `parts` a composite parameter compares together.

    `name` is the same for composites that read the same values: they share their index rows. The first of
    `parts` is a code; in a question it is written after `before` others.
    """

    name: str
    expression: str
    parts: tuple[Part, ...]
    before: int = 0

    @property
    def written(self) -> list[Part]:
        """The parts in the order of a question."""
        rest = list(self.parts[1:])
        return [*rest[: self.before], self.parts[0], *rest[self.before :]]


class Pair(msgspec.Struct, frozen=True, gc=False):
    """A value of one part of a composite beside the code of its first part: what is posted together.

    `part` counts from 1, the code being the first. `table` is the list of `Terms` whose rows `values` are
    like, their parameter left out.
    """

    group: str
    system: str
    code: str
    part: int
    table: str
    values: tuple[Any, ...]


class Terms(msgspec.Struct, gc=False):
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
    pairs: the parts of composites. places: (param, latitude, longitude) in degrees.
    present: the parameters that have at least one value.
    inside: (param, name) of what is contained: `#id`. spare: the last that `part` gave.
    """

    tokens: list[tuple[str, str, str]] = []
    identifiers: list[tuple[str, str, str]] = []
    references: list[tuple[str, str]] = []
    strings: list[tuple[str, str]] = []
    uris: list[tuple[str, str]] = []
    dates: list[tuple[str, int, int]] = []
    numbers: list[tuple[str, Decimal, Decimal, Decimal]] = []
    quantities: list[tuple[str, str, str, Decimal, Decimal, Decimal]] = []
    pairs: list[Pair] = []
    places: list[tuple[str, Decimal, Decimal]] = []
    inside: list[tuple[str, str]] = []
    present: set[str] = set()
    spare: Terms | None = None

    def part(self) -> Terms:
        """An empty one, for what stands together in an element; the one before, when it was left empty."""
        if self.spare is None or self.spare.present or self.spare.references:
            self.spare = Terms()
        return self.spare


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


class Value(msgspec.Struct, frozen=True, cache_hash=True):
    """One value of a criterion, already typed by its parameter.

    `prefix` is one of eq ne gt lt ge le sa eb ap (eq when none was given).
    token: `system` is None when no `|` was given (any system), empty for `|code`; `code` may be empty
    (`system|`).
    reference: `text` is `Type/id`, an absolute URL, or a bare id (then `code` holds it and `text` is empty).
    string, uri: `text`. date: `lo`, `hi` in ms (hi excluded). number, quantity: `number` with its implied
    range `low`..`high`; quantity also `system` (None when not given) and `code`.
    composite: `parts`, a value each. near: latitude `number`, longitude `low`, at most `high` kilometres.
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
    parts: tuple[Value, ...] = ()


class Criterion(msgspec.Struct, frozen=True, cache_hash=True):
    """`parameter:modifier=v1,v2` on `type`: any of `values`; or a chain: the target must meet `chain`.

    `modifier` is empty or one of missing, exact, contains, not, identifier, in, not-in, above, below; for
    `missing`, `missing` tells the value. `code:text=x` is a criterion on the string parameter `code:text`,
    `identifier:of-type=x` on a token parameter of that name. For a chain, `chain` holds one alternative per
    target type that is possible. A token under in, not-in, above or below stands for the codes of a
    `CodeSet`, which the caller finds (`query.with_sets`) before the query is compiled.
    """

    type: str
    parameter: Parameter
    modifier: str = ""
    values: tuple[Value, ...] = ()
    missing: bool = False
    chain: tuple[Criterion | Has, ...] = ()


class Has(msgspec.Struct, frozen=True, cache_hash=True):
    """`_has:Observation:patient:code=x`: some `type` meets `criterion` and names this through `reference`.

    `target` is the type of this resource, the one that is named.
    """

    type: str
    reference: Parameter
    criterion: Criterion | Has
    target: str = ""


class Logic(msgspec.Struct, frozen=True, cache_hash=True):
    """Conditions on `type` joined by `operator`: and, or; or the negation (not) of one."""

    type: str
    operator: str
    parts: tuple[Condition, ...]


Condition = Criterion | Has | Logic
"""What a row is tested for."""


class CodeSet(msgspec.Struct, frozen=True, cache_hash=True):
    """A set of codes that a question names and does not list.

    `relation` in: the value set at `value_set` (canonical URL, `|version`, or `ValueSet/id`). below, above:
    the codes of `system` that `code` subsumes, or that subsume it, itself among them.
    """

    relation: Literal["in", "above", "below"]
    value_set: str = ""
    system: str = ""
    code: str = ""


class Include(msgspec.Struct, frozen=True, cache_hash=True):
    """`_include=Observation:patient:Patient` (or `_revinclude`); `iterate` repeats it.

    `target` empty means any type.
    """

    source: str
    parameter: Parameter
    target: str = ""
    reverse: bool = False
    iterate: bool = False


class Sort(msgspec.Struct, frozen=True, cache_hash=True):
    """One sort key; `code` may be `_id` or `_lastUpdated`."""

    parameter: Parameter
    descending: bool = False


class Query(msgspec.Struct, frozen=True, cache_hash=True):
    """A parsed search on one type. All `criteria` must hold.

    `total` is none, estimate or accurate. `cursor` is the opaque text of
    a next link. `applied` are the pairs that were used, as written: the self link is made of them.
    `form` are the pairs that say how the answer is written (`_format`), which links repeat.
    `ignored` are the pairs left out under lenient handling. `within` keeps what names a resource
    (`Patient/1`) by one of these reference parameters: a compartment.
    """

    type: str
    criteria: tuple[Condition, ...] = ()
    includes: tuple[Include, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = 20
    total: Literal["none", "estimate", "accurate"] = "none"
    summary: str = ""
    elements: tuple[str, ...] = ()
    cursor: str = ""
    applied: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
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
