"""Questions on the corpus: every parameter, every modifier and prefix, alone and together."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.contract.search.corpus import BROADER, CODE_SETS, DAYS, LOCAL, LOINC, MOMENTS, UCUM
from tests.contract.search.oracle import (
    _EVERY,
    PREFIXES,
    TABLE,
    Compared,
    Filter,
    Joined,
    Oracle,
    parameter,
)

Pairs = list[tuple[str, str]]

LINKS = {
    "PractitionerRole": (("practitioner", "Practitioner"), ("organization", "Organization")),
    "Patient": (("general-practitioner", "Practitioner"), ("organization", "Organization")),
    "Organization": (("partof", "Organization"),),
    "Encounter": (
        ("subject", "Patient"),
        ("practitioner", "Practitioner"),
        ("service-provider", "Organization"),
    ),
    "Observation": (("patient", "Patient"), ("encounter", "Encounter"), ("performer", "Practitioner")),
    "Condition": (("subject", "Patient"), ("encounter", "Encounter"), ("asserter", "Practitioner")),
    "DocumentReference": (("patient", "Patient"), ("author", "Organization")),
    "RiskAssessment": (("patient", "Patient"),),
}
"""(parameter, type it leads to) for chains, and backwards for `_has`."""


UNSET = {"_id", "active", "deceased", "telecom", "version", "contenttype"}
"""Tokens whose values are no codes of a set."""


_RANGED = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "pr")
OPERATORS = {
    "string": ("eq", "ne", "co", "sw", "ew", "pr"),
    "token": ("eq", "eq", "ne", "pr"),
    "reference": ("eq", "ne", "re", "pr"),
    "uri": ("eq", "ne", "sw", "pr"),
    "date": (*_RANGED, "po"),
    "number": _RANGED,
    "quantity": _RANGED,
}
"""What `_filter` may ask of each type of parameter."""


def _is_inside(value: Any) -> bool:
    """Whether a value names what is contained, which nobody can ask for by that name."""
    return isinstance(value, str) and value.startswith("#")


class Asker:
    """Makes questions whose answers are neither always empty nor always everything."""

    def __init__(self, oracle: Oracle, seed: int) -> None:
        self.oracle = oracle
        self.at = Random(seed)

    def every(self, kind: str, rounds: int = 3) -> Iterator[Pairs]:
        """`rounds` questions on each parameter of a type, with each of its modifiers or prefixes in turn."""
        for name in [*TABLE[kind], *_EVERY]:
            sort, _ = parameter(kind, name)
            for n in range(rounds if sort in ("token", "string", "reference", "uri") else len(PREFIXES)):
                yield [self.ask(kind, name, n)]
            if sort == "token" and name not in UNSET and "identifier" not in name:
                yield from ([(f"{name}:{m}", self.at.choice([*CODE_SETS]))] for m in ("in", "not-in"))
                yield from ([self._subsuming(name, kind, m)] for m in ("above", "below"))
            if ":" not in name:
                yield [(f"{name}:missing", self.at.choice(("true", "false")))]

    def filter(self, kind: str) -> Pairs:
        """A filter of a few comparisons."""
        return [("_filter", Filter.of(self._tree(kind, self.at.choice((0, 1, 1, 2, 2)))))]

    def _tree(self, kind: str, depth: int) -> Compared | Joined:
        if not depth:
            return self._compared(kind)
        operator = self.at.choice(("and", "or", "or", "not"))
        count = 1 if operator == "not" else self.at.choice((2, 2, 3))
        return Joined(operator, tuple(self._tree(kind, depth - 1) for _ in range(count)))

    def _compared(self, kind: str) -> Compared:
        known = [n for n in [*TABLE[kind], *_EVERY] if ":" not in n and parameter(kind, n)[0] in OPERATORS]
        name = self.at.choice(known)
        sort, read = parameter(kind, name)
        operator = self.at.choice(OPERATORS[sort])
        stored = [v for r in self.oracle.of(kind) for v in read(r) if not _is_inside(v)]
        if operator == "pr" or not stored:
            return Compared(name, "pr", self.at.choice(("true", "false")))
        if sort == "date":
            return Compared(name, operator, self._date(kind, name))
        if sort in ("number", "quantity"):
            return Compared(name, operator, self._number(sort))
        one = self.at.choice(stored)
        if sort == "token":
            system, code = one
            code = code.replace("|", "\\|")
            return Compared(name, operator, code if self.at.random() < 0.5 else f"{system}|{code}")
        half = len(one) // 2 + 1
        part = {"sw": one[:half], "ew": one[half - 1 :], "co": one[1:half]}.get(operator, one)
        return Compared(name, operator, (part.strip() or one).upper() if sort == "string" else part)

    def _subsuming(self, name: str, kind: str, modifier: str) -> tuple[str, str]:
        stored = parameter(kind, name)[1]
        pairs = [p for r in self.oracle.of(kind) for p in stored(r) if all(p)] + [*BROADER]
        system, code = self.at.choice([*pairs, *BROADER])
        return f"{name}:{modifier}", f"{system}|{code}".replace(",", "\\,").replace("b|c", "b\\|c")

    def several(self, kind: str) -> Pairs:
        """Two or three parameters at once."""
        names = self.at.choices([*TABLE[kind], *_EVERY], k=self.at.choice((2, 2, 3)))
        return [self.ask(kind, name) for name in names]

    def chain(self, kind: str) -> Pairs:
        """One step through a reference, sometimes with a plain parameter beside it."""
        code, target = self.at.choice(LINKS[kind])
        name, value = self._inner(target)
        typed = f"{code}:{target}" if code not in ("patient",) else code
        beside = [self.ask(kind, self.at.choice([*TABLE[kind]]))] if self.at.random() < 0.3 else []
        return [(f"{typed}.{name}", value), *beside]

    def has(self, target: str) -> Pairs:
        """Those that something else names."""
        ways = [(k, code) for k, links in LINKS.items() for code, t in links if t == target]
        kind, code = self.at.choice(ways)
        name, value = self._inner(kind)
        return [(f"_has:{kind}:{code}:{name}", value)]

    def deep(self, kind: str, steps: int) -> Pairs:
        """`steps` references followed one after the other, forwards and backwards as they come."""
        name, value = self._way(kind, steps)
        return [(name, value)]

    def _way(self, kind: str, steps: int) -> tuple[str, str]:
        if not steps:
            return self._inner(kind)
        forth = [(f"{code}:{target}.", target) for code, target in LINKS.get(kind, ())]
        back = [(f"_has:{k}:{code}:", k) for k, links in LINKS.items() for code, t in links if t == kind]
        step, following = self.at.choice(forth + back)
        name, value = self._way(following, steps - 1)
        return step + name, value

    def _inner(self, kind: str) -> tuple[str, str]:
        return self.ask(kind, self.at.choice([*TABLE[kind], "_id", "_tag", "_security"]))

    def ask(self, kind: str, name: str, turn: int | None = None) -> tuple[str, str]:
        """One name and value; `turn` goes through the forms that the parameter's type has."""
        turn = self.at.randrange(9) if turn is None else turn
        sort, read = parameter(kind, name)
        stored = [v for r in self.oracle.of(kind) for v in read(r) if not _is_inside(v)] or [None]
        if sort == "date":
            return name, PREFIXES[turn % 9] + self._date(kind, name)
        if sort in ("quantity", "number"):
            return name, PREFIXES[turn % 9] + self._number(sort)
        return getattr(self, f"_{sort}")(name, self.at.choice(stored), stored, turn)  # type: ignore[no-any-return]

    def _date(self, kind: str, name: str) -> str:
        if name == "_lastUpdated":
            updated = [r["meta"]["lastUpdated"] for r in self.oracle.of(kind)]
            return self.at.choice((*updated, "2026-11-22", "2026-11-22T15:00Z", "2026"))
        text = self.at.choice((*MOMENTS, *DAYS, "2024-06-15T10:00Z", "2024-06-15T13:00+03:00"))
        return text[: self.at.choice((4, 7, 10))] if self.at.random() < 0.4 else text

    def _number(self, sort: str) -> str:
        digits = self.at.choice(("5", "5.0", "5.4", "5.40", "0", "-3", "100", "7.25", "0.001", "50", "1e2"))
        if sort == "number":
            return self.at.choice(("0.5", "0.50", "0.05", "0.4", "1", "0"))
        unit = self.at.choice(("", "", f"|{UCUM}|mg", "||mg", f"|{UCUM}|mmol/L", f"|{UCUM}|h", "||a"))
        return digits + unit

    def _typed(self, name: str, one: Any, stored: Any, turn: int) -> tuple[str, str]:
        found = [each for several in stored if several for each in several]
        system, code, value = self.at.choice(
            [e for e in found if e[0]] or [("urn:corpus:types", "MR", "none")]
        )
        return name, f"{system}|{'NH' if turn % 4 == 3 else code}|{value}"

    def _composite(self, name: str, one: Any, stored: object, turn: int) -> tuple[str, str]:
        parts = one or [("token", [(LOCAL, "glu")]), ("quantity", [])]
        return name, "$".join(self._part(sort, values, turn) for sort, values in parts)

    def _part(self, sort: str, values: list[Any], turn: int) -> str:
        if sort == "quantity":
            return PREFIXES[turn % 9] + self._number(sort)
        if sort == "date":
            return PREFIXES[turn % 9] + self.at.choice(MOMENTS)
        value = self.at.choice(values)
        if sort == "token":
            system, code = value
            code = code.replace(",", "\\,").replace("|", "\\|")
            return code if turn % 2 else f"{system}|{code}"
        return value if sort == "reference" else value[: 3 + turn]

    def _special(self, name: str, one: Any, stored: object, turn: int) -> tuple[str, str]:
        lat, lon = one or (48.1, -1.68)
        reach = ("|5|km", "|500|m", "|3|[mi_i]", "|100", "", "||km", "|20|mi", "|1e3|m", "|2|[nmi_i]")[
            turn % 9
        ]
        return name, f"{lat + self.at.uniform(-0.02, 0.02):.4f}|{lon:.3f}{reach}"

    def _token(self, name: str, one: tuple[str, str] | None, stored: object, turn: int) -> tuple[str, str]:
        system, code = one or (LOCAL, "none")
        code = code.replace(",", "\\,").replace("|", "\\|")
        if name == "_id":
            return (f"{name}:not" if turn % 3 == 2 else name), f"{code},none" if turn % 2 else code
        forms = [code, f"{system}|{code}", f"{code},{LOINC}|8480-6"]
        forms += [f"{system}|"] if system else [f"|{code}"]
        boolean = code in ("true", "false")
        value = code if boolean else forms[turn % len(forms)]
        return (f"{name}:not" if turn % 3 == 2 else name), value

    def _string(self, name: str, one: str | None, stored: object, turn: int) -> tuple[str, str]:
        text = one or "rien"
        start = self.at.randrange(len(text))
        modifier = ("", ":contains", ":exact")[turn % 3] if ":" not in name else ""
        part = text if modifier == ":exact" else text[start:] if modifier else text[: start + 1]
        if modifier != ":exact":
            part = self.at.choice((part, part.upper(), part.lower())).strip() or text
        part = part.replace(",", "\\,")
        return name + modifier, part if self.at.random() < 0.8 else f"{part},Zoé"

    def _uri(self, name: str, one: str | None, stored: object, turn: int) -> tuple[str, str]:
        text = one or "urn:none"
        modifier = ("", ":below", ":above")[turn % 3]
        value = {"": text, ":below": text[: max(8, len(text) - turn)], ":above": text + "/more"}[modifier]
        return name + modifier, value

    def _reference(self, name: str, one: str | None, stored: object, turn: int) -> tuple[str, str]:
        text = one or "Patient/none"
        kind, _, logical = text.partition("/")
        if "://" in text or (name == "patient" and turn % 3 == 2):
            return name, text
        forms = [
            (name, text),
            (name, logical),
            (f"{name}:{kind}", logical),
            (name, f"{text},{self._other(stored)}"),
        ]
        return forms[turn % 4]

    def _other(self, stored: object) -> str:
        return str(self.at.choice([s for s in stored if s] or ["Patient/none"]))  # type: ignore[attr-defined]
