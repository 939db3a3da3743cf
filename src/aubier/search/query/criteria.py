"""What a search asks for: criteria, chains (`subject:Patient.name`) and reverse chains (`_has`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from difflib import get_close_matches

from msgspec.structs import replace

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Issue, Problem
from aubier.search.extract import OPEN, value_types
from aubier.search.model import Criterion, Has, Parameter, Value
from aubier.search.parameters import Pending, Registry, is_indexed
from aubier.search.query.values import CODED, of_type, refused, truth, typed_values
from aubier.search.terms.layout import is_canonical

MAX_DEPTH = 8
"""The most steps in a chain, `_has` included."""
MAX_WAYS = 200
"""The most ways one chain may take over all target types."""

MODIFIERS: dict[str, frozenset[str]] = {
    "token": frozenset({"missing", "not", "text", "of-type", "in", "not-in", "above", "below"}),
    "reference": frozenset({"missing", "identifier"}),
    "string": frozenset({"missing", "exact", "contains", "text"}),
    "uri": frozenset({"missing", "above", "below"}),
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "composite": frozenset({"missing"}),
    "special": frozenset({"missing"}),
}
"""The modifiers of each parameter type; a reference also takes a resource type."""

_FILTERING = {"string": frozenset({"equals", "ends"}), "date": frozenset({"overlaps"})}
"""Modifiers that only `_filter` gives: there they are operators."""
_IDENTIFIED = frozenset({"Identifier"})
_SETS = frozenset({"in", "not-in", "above", "below"})


def modifiers(parameter: Parameter) -> Set[str]:
    """The modifiers a parameter takes: of a code or a reference, those that its values give a meaning."""
    allowed: Set[str] = MODIFIERS[parameter.type]
    if parameter.type == "token":
        types = value_types(parameter)
        allowed -= frozenset() if types & (CODED | _IDENTIFIED | OPEN) else {"text"}
        allowed -= frozenset() if types & _IDENTIFIED else {"of-type"}
        allowed -= frozenset() if types & (CODED | {"code"}) else _SETS
    if parameter.type == "reference":
        allowed = {"missing", "below"} if is_canonical(parameter) else allowed
    return allowed & _named(parameter) if parameter.modifiers else allowed


def _named(parameter: Parameter) -> frozenset[str]:
    """The modifiers that a custom parameter names, as they are written in a question."""
    return frozenset("of-type" if code == "ofType" else code for code in parameter.modifiers)


def _typed(parameter: Parameter) -> bool:
    """Whether a reference parameter may be followed by a type, as in `subject:Patient`."""
    return not parameter.modifiers or "type" in parameter.modifiers


class UnknownParameter(Problem):
    """A parameter that the type does not have, or not searchable yet: the one fault leniency forgives."""


def unknown(name: str, text: str, fr: str) -> UnknownParameter:
    """The refusal of a parameter name."""
    return UnknownParameter((Issue("not-supported", text, fr, (f"http.{name[:100]}",)),))


def known(registry: Registry, type: str, code: str, *, name: str) -> Parameter:
    """The parameter `code` of `type`; UnknownParameter naming the nearest ones when there is none."""
    parameter = registry.get(type, code)
    if parameter is None and (waited := registry.pending(type, code)) is not None:
        raise _not_ready(type, code, waited, name)
    if parameter is None:
        near = nearest(registry, (type,), code)
        raise unknown(
            name,
            f"{type} has no search parameter {code[:60]!r}{near[0]}",
            f"{type} n'a pas de paramètre de recherche {code[:60]!r}{near[1]}",
        )
    if not is_indexed(parameter):
        raise unknown(
            name,
            f"nothing can be searched by the parameter {code} of {type} yet",
            f"on ne peut pas encore chercher par le paramètre {code} de {type}",
        )
    return parameter


def _not_ready(type: str, code: str, waited: Pending, name: str) -> Problem:
    """Left out under leniency, it would be believed held: it is refused for the moment, always."""
    counted = f" ({waited.done}/{waited.total})" if waited.total > 0 else ""
    refusal = refused(
        name,
        f"the parameter {code} of {type} is being made: {waited.percent} %{counted}; it answers when all"
        f" resources are done; SearchParameter/{waited.resource}/$status tells how far it is",
        f"le paramètre {code} de {type} est en préparation : {waited.percent} %{counted} ; il répondra quand"
        f" toutes les ressources y seront ; SearchParameter/{waited.resource}/$status dit où il en est",
        "transient",
    )
    refusal.headers["Retry-After"] = "5"
    return refusal


def nearest(registry: Registry, types: Iterable[str], code: str) -> tuple[str, str]:
    """The parameters of `types` named most like `code`, as the end of a sentence, in two languages."""
    codes = dict.fromkeys(p.name for type in types for p in registry.of(type) if is_indexed(p))
    return _near(code, codes)


def _near(code: str, codes: Iterable[str]) -> tuple[str, str]:
    """The codes that look most like it, as a question in English and French; nothing where none does."""
    near = ", ".join(get_close_matches(code[:60], codes, n=3, cutoff=0.5))
    return (f"; did you mean: {near}?", f" ; peut-être : {near} ?") if near else ("", "")


def known_type(type: str, *, name: str) -> str:
    """`type` when it is a resource type; Problem `invalid` naming the nearest otherwise."""
    types = definitions().resource_types
    if type not in types:
        near = _near(type, types)
        raise refused(
            name,
            f"{type[:60]!r} is no resource type{near[0]}",
            f"{type[:60]!r} n'est pas un type de ressource{near[1]}",
        )
    return type


class Criteria:
    """Reads the criteria of one query parameter, written `name`; counts the ways its chains take.

    `filtering` is for the comparisons of a filter, which knows a few more ways.
    """

    def __init__(self, registry: Registry, name: str, *, filtering: bool = False) -> None:
        self._registry = registry
        self._name = name
        self._filtering = filtering
        self._ways = 0

    def read(self, type: str, path: str, value: str, depth: int = 0) -> Criterion | Has:
        """The criterion `path=value` on `type`; Problem `invalid`, `not-supported` or `too-costly`."""
        self._ways += 1
        if depth > MAX_DEPTH:
            raise refused(
                self._name,
                f"a chain of more than {MAX_DEPTH} steps; shorten it",
                f"une chaîne de plus de {MAX_DEPTH} étapes ; raccourcissez-la",
                "too-costly",
            )
        if self._ways > MAX_WAYS:
            raise refused(
                self._name,
                "the chain can take too many ways: name the types, as in subject:Patient.name",
                "trop de chemins possibles : nommez les types, comme dans subject:Patient.name",
                "too-costly",
            )
        if path.startswith("_has:"):
            return self._has(type, path, value, depth)
        head, dot, rest = path.partition(".")
        code, colon, modifier = head.partition(":")
        parameter = known(self._registry, type, code, name=self._name)
        if colon and not modifier:
            raise self._modifier(parameter, modifier)
        if dot:
            return self._chain(parameter, modifier, rest, value, depth)
        return self._plain(parameter, modifier, value)

    def _plain(self, parameter: Parameter, modifier: str, value: str) -> Criterion:
        type = parameter.base
        if modifier == "missing" and modifier in modifiers(parameter):
            return Criterion(type, parameter, "missing", missing=truth(value, name=self._name))
        if parameter.type == "reference" and modifier[:1].isupper() and _typed(parameter):
            target = self._target(parameter, modifier)
            found = typed_values(parameter, "", value, name=self._name)
            return Criterion(
                type, parameter, values=tuple(of_type(v, target, name=self._name) for v in found)
            )
        allowed = modifiers(parameter)
        if self._filtering:
            allowed |= _FILTERING.get(parameter.type, frozenset())
        if modifier and modifier not in allowed:
            raise self._modifier(parameter, modifier)
        if modifier == "text" and parameter.type == "token":
            # The words of a token are extracted as strings under `code:text`, and searched as such.
            parameter = replace(parameter, code=f"{parameter.code}:text", type="string")
            modifier = ""
        if modifier == "of-type":
            found = typed_values(parameter, modifier, value, name=self._name)
            return Criterion(type, replace(parameter, code=f"{parameter.code}:of-type"), values=found)
        values: tuple[Value, ...] = typed_values(parameter, modifier, value, name=self._name)
        self._narrowed(parameter, values)
        return Criterion(type, parameter, modifier, values)

    def _narrowed(self, parameter: Parameter, values: tuple[Value, ...]) -> None:
        """Refuses what a custom parameter says that it does not take."""
        odd = {v.prefix for v in values} - parameter.comparators - {"eq"}
        if parameter.comparators and odd:
            allowed, given = ", ".join(sorted(parameter.comparators)), ", ".join(sorted(odd))
            raise refused(
                self._name,
                f"{parameter.name} is not compared by {given}; it is by {allowed}",
                f"{parameter.name} ne se compare pas par {given}, mais par {allowed}",
                "not-supported",
            )
        if len(values) > 1 and not parameter.lists:
            raise refused(
                self._name,
                f"{parameter.name} takes one value, not a list; ask once for each",
                f"{parameter.name} prend une valeur, pas une liste ; demandez une fois par valeur",
                "not-supported",
            )

    def _modifier(self, parameter: Parameter, modifier: str) -> Problem:
        allowed = ", ".join(sorted(modifiers(parameter)))
        return refused(
            self._name,
            f"{parameter.name} ({parameter.type}) does not take {modifier[:60]!r}; it takes {allowed}",
            f"{parameter.name} ({parameter.type}) n'accepte pas {modifier[:60]!r} ; il accepte {allowed}",
            "not-supported",
        )

    def _target(self, parameter: Parameter, type: str) -> str:
        known_type(type, name=self._name)
        if parameter.targets and type not in parameter.targets:
            raise refused(
                self._name,
                f"{parameter.name} never names a {type}; it names {_some(parameter.targets)}",
                f"{parameter.name} ne désigne jamais {type} ; il désigne {_some(parameter.targets)}",
            )
        return type

    def _chain(self, parameter: Parameter, modifier: str, rest: str, value: str, depth: int) -> Criterion:
        if parameter.type != "reference":
            raise refused(
                self._name,
                f"{parameter.name} is no reference: it cannot be followed by a dot",
                f"{parameter.name} n'est pas une référence : rien ne peut suivre par un point",
            )
        self._not_canonical(parameter)
        if modifier:
            targets: tuple[str, ...] = (self._target(parameter, modifier),)
        else:
            targets = parameter.targets
        if not targets:
            raise refused(
                self._name,
                f"name the type {parameter.name} points to, as in {parameter.name}:Patient.{rest[:60]}",
                f"nommez le type que désigne {parameter.name}, comme {parameter.name}:Patient.{rest[:60]}",
            )
        ways = self._alternatives(targets, rest, value, depth + 1)
        return Criterion(parameter.base, parameter, chain=ways)

    def _not_canonical(self, parameter: Parameter) -> None:
        """Refuses to go by a canonical URL to what has it: which version is meant, no index tells."""
        if is_canonical(parameter):
            raise refused(
                self._name,
                f"{parameter.name} names by a canonical URL, which is not followed; search by the URL itself",
                f"{parameter.name} désigne par une URL canonique, qui n'est pas suivie ; cherchez par l'URL",
                "not-supported",
            )

    def _alternatives(
        self, targets: tuple[str, ...], rest: str, value: str, depth: int
    ) -> tuple[Criterion | Has, ...]:
        """The rest of a chain on each target type that has it; the first refusal when none has."""
        code = re.split(r"[:.]", rest, maxsplit=1)[0]
        known_by = self._registry
        having = [t for t in targets if code == "_has" or known_by.get(t, code) or known_by.pending(t, code)]
        if not having:
            near = nearest(self._registry, targets[:8], code)
            raise unknown(
                self._name,
                f"{_some(targets)}: no search parameter {code[:60]!r}{near[0]}",
                f"{_some(targets)} : pas de paramètre de recherche {code[:60]!r}{near[1]}",
            )
        ways: list[Criterion | Has] = []
        refusals: list[Problem] = []
        for target in having:
            try:
                ways.append(self.read(target, rest, value, depth))
            except Problem as refusal:
                if refusal.kind in ("too-costly", "transient"):
                    raise
                refusals.append(refusal)
        if not ways:
            raise min(refusals, key=lambda r: isinstance(r, UnknownParameter))
        return tuple(ways)

    def _has(self, type: str, path: str, value: str, depth: int) -> Has:
        parts = path.split(":", 3)
        if len(parts) < 4 or not all(parts):
            raise refused(
                self._name,
                "_has is written _has:Type:reference:parameter=value",
                "_has s'écrit _has:Type:référence:paramètre=valeur",
            )
        _, source, code, rest = parts
        reference = known(self._registry, known_type(source, name=self._name), code, name=self._name)
        if reference.type != "reference" or (reference.targets and type not in reference.targets):
            raise refused(
                self._name,
                f"{source}.{code} never names a {type}",
                f"{source}.{code} ne désigne jamais {type}",
            )
        self._not_canonical(reference)
        return Has(source, reference, self.read(source, rest, value, depth + 1), target=type)


def _some(targets: tuple[str, ...]) -> str:
    return ", ".join(targets[:6]) + ("..." if len(targets) > 6 else "")
