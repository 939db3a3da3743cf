"""Custom search parameters: SearchParameter resources read, refused where they could not answer.

Rule: FHIR R4 4.0.1, searchparameter.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from aubier.fhir import fhirpath
from aubier.fhir.definitions import SearchParameter, definitions
from aubier.ground.problem import Issue, Kind, Problem
from aubier.search.extract import OPEN, value_types
from aubier.search.model import Condition, Criterion, Has, Logic, Parameter, ParamType, Query
from aubier.search.parameters import Registry, concerned, groups_of, made_of
from aubier.search.query.values import PREFIXES
from aubier.search.terms.adders import ADDERS

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_UNMADE = frozenset({"special"})
"""Types that a custom parameter cannot have."""
_ABSTRACT = frozenset({"Resource", "DomainResource"})
_STANDARD = "http://hl7.org/fhir/SearchParameter/"
_LONGEST = 4_000
_COMPARED = frozenset({"date", "number", "quantity"})


def with_custom(known: Registry, resources: Iterable[Mapping[str, Any]]) -> Registry:
    """The registry with these SearchParameter resources added as if published; the same `url` replaces.

    Problem as `read`.
    """
    issues: list[Issue] = []
    rows: list[SearchParameter] = []
    for resource in resources:
        row, faults = _row(resource)
        if row is not None:
            faults += _faults(row) or _clashes(row, known, own=row.url)
            rows.append(row)
        issues += faults
    if issues:
        raise Problem(tuple(issues))
    return known.with_rows(rows)


def read(resource: Mapping[str, Any], known: Registry) -> SearchParameter:
    """A SearchParameter (FHIR JSON) that this server can make beside those of `known`.

    Problem with every fault found: `required` for a missing part, `value` for one that is wrong,
    `not-supported` for a type or expression unknown here, `duplicate` for a code that is taken.
    """
    row, faults = _row(resource)
    if row is not None:
        faults = _faults(row) or [*_clashes(row, known), *_unmade(row, known)]
    if row is None or faults:
        raise Problem(tuple(faults))
    return row


def repeats(resource: Mapping[str, Any], known: Registry) -> bool:
    """Whether a SearchParameter publishes once more what is there: a profile's own form of a standard one.

    Problem `duplicate` for a URL of the standard that says something else.
    """
    row, _ = _row(resource)
    if row is None or _faults(row):
        return False
    published = next((each for each in known.rows if each.url == row.url), None)
    if published is None:
        types = concerned(row.bases)
        return bool(types) and all(_is_there(row, type, known) for type in types)
    if not row.url.startswith(_STANDARD):
        # Of a guide's, our rooms hold a mended form: as published it may read what is not there.
        return published.code == row.code
    same = (published.code, published.type) == (row.code, row.type)
    if same and published.expression == row.expression:
        return True
    issue = _issue(
        "duplicate",
        f"{row.url} is a parameter of the standard, which is not changed here; choose another url",
        f"{row.url} est un paramètre du standard, qui ne se change pas ici ; choisissez une autre url",
        "url",
    )
    raise Problem((issue,))


def _is_there(row: SearchParameter, type: str, known: Registry) -> bool:
    """Whether a type has a parameter of that name that finds the same."""
    found, own = known.get(type, row.code), made_of(row, type)
    return found is not None and own is not None and _read_alike(found, own)


def _read_alike(one: Parameter, other: Parameter) -> bool:
    return (one.type, one.expression, one.making) == (other.type, other.expression, 0)


def makings(queries: Iterable[Query]) -> frozenset[int]:
    """The makings of the custom parameters that queries rest on."""
    found: set[int] = set()
    for query in queries:
        found.update(_in_conditions(query.criteria))
        found.update(s.parameter.making for s in query.sort)
        found.update(i.parameter.making for i in query.includes)
    return frozenset(found - {0})


def _in_conditions(conditions: Iterable[Condition]) -> Iterator[int]:
    for condition in conditions:
        if isinstance(condition, Logic):
            yield from _in_conditions(condition.parts)
        elif isinstance(condition, Has):
            yield condition.reference.making
            yield from _in_conditions((condition.criterion,))
        elif isinstance(condition, Criterion):
            yield condition.parameter.making
            yield from _in_conditions(condition.chain)


def _issue(kind: Kind, text: str, fr: str, at: str = "") -> Issue:
    return Issue(kind, text, fr, (f"SearchParameter.{at}",) if at else ("SearchParameter",))


def _row(resource: Mapping[str, Any]) -> tuple[SearchParameter | None, list[Issue]]:
    """A SearchParameter resource as a row, or None, with the faults found."""
    faults = [
        _issue(
            "required",
            f"{name} is missing: without it nothing can be searched by this parameter",
            f"{name} manque : sans lui, on ne peut pas chercher par ce paramètre",
            name,
        )
        for name in ("url", "code", "base", "type", "expression")
        if not resource.get(name)
    ]
    if faults:
        return None, faults
    row = SearchParameter(
        code=str(resource["code"]),
        type=str(resource["type"]),
        bases=tuple(map(str, resource["base"])),
        expression=str(resource["expression"]),
        url=str(resource["url"]),
        name=str(resource.get("name", "")),
        targets=tuple(map(str, resource.get("target", ()))),
        components=tuple(_components(resource.get("component", ()))),
        comparators=tuple(map(str, resource.get("comparator", ()))),
        modifiers=tuple(map(str, resource.get("modifier", ()))),
        multiple_or=resource.get("multipleOr") is not False,
    )
    return row, []


def _components(listed: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for part in listed:
        yield str(part.get("definition", "")).partition("|")[0], str(part.get("expression", ""))


def _faults(row: SearchParameter) -> list[Issue]:
    """What is wrong with the parts of a custom parameter."""
    faults: list[Issue] = []
    if not _CODE.fullmatch(row.code):
        faults.append(
            _issue(
                "value",
                f"{row.code!r} is not a code: letters, digits, - and _, a letter first",
                f"{row.code!r} n'est pas un code : lettres, chiffres, - et _, une lettre d'abord",
                "code",
            )
        )
    if row.type not in get_args(ParamType) or row.type in _UNMADE:
        faults.append(
            _issue(
                "not-supported",
                f"parameters of type {row.type} are not supported",
                f"type {row.type} non pris en charge",
                "type",
            )
        )
    if row.type == "composite" and not row.components:
        text, fr = "a composite says its parts in component", "un composite dit ses parties dans component"
        faults.append(_issue("required", text, fr, "component"))
    if len(row.expression) > _LONGEST:
        text, fr = f"longer than {_LONGEST} characters", f"plus de {_LONGEST} caractères"
        return [*faults, _issue("too-long", text, fr, "expression")]
    for base in row.bases:
        if base not in definitions().resource_types | _ABSTRACT:
            faults.append(_issue("value", f"{base} is no resource type", f"{base} n'est pas un type", "base"))
        else:
            faults += _uncompiled(row.expression, base)
    return faults + _narrowed(row)


def _narrowed(row: SearchParameter) -> list[Issue]:
    """Modifiers and comparators that mean nothing for the type of the parameter."""
    if row.comparators and (row.type not in _COMPARED or set(row.comparators) - PREFIXES):
        return [
            _issue(
                "value",
                f"a {row.type} is not compared by {', '.join(row.comparators)}",
                f"un {row.type} ne se compare pas par {', '.join(row.comparators)}",
                "comparator",
            )
        ]
    return []


def _uncompiled(expression: str, base: str) -> list[Issue]:
    try:
        fhirpath.typed(expression, base)
        fhirpath.source(expression, base, indexing=True)
    except Problem as refused:
        return [Issue(i.kind, i.text, i.fr, ("SearchParameter.expression",)) for i in refused.issues]
    return []


def _clashes(row: SearchParameter, known: Registry, own: str = "") -> list[Issue]:
    """The types that have a parameter of that code already; `own` is a URL that may be replaced."""
    taken = [
        type
        for type in concerned(row.bases)
        if ((found := known.get(type, row.code)) and found.url != own) or known.pending(type, row.code)
    ]
    shown = ", ".join(taken[:5]) + ("..." if len(taken) > 5 else "")
    if not taken:
        return []
    return [
        _issue(
            "duplicate",
            f"{shown} already has a parameter {row.code}; choose another code",
            f"{shown} a déjà un paramètre {row.code} ; choisissez un autre code",
            "code",
        )
    ]


def _unmade(row: SearchParameter, known: Registry) -> list[Issue]:
    """What would leave the parameter without a value for ever, by type of its base."""
    faults: list[Issue] = []
    for type in concerned(row.bases):
        parameter = made_of(row, type)
        if parameter is None:
            if type in row.bases:
                faults.append(_nothing(row, type))
        elif parameter.type == "composite":
            of = {p.url: p for p in known.of(type)}
            if type in row.bases and not groups_of(row, parameter, of):
                faults.append(_no_parts(type))
        elif type in row.bases:
            faults += _misread(parameter)
    return faults


def _nothing(row: SearchParameter, type: str) -> Issue:
    return _issue(
        "value",
        f"no part of the expression begins at {type}, which base names",
        f"aucune partie de l'expression ne commence par {type}, que base nomme",
        "expression",
    )


def _no_parts(type: str) -> Issue:
    return _issue(
        "not-supported",
        f"the components must be two parameters of {type} that are known here, one of them a token"
        " (or a token and two numbers)",
        f"les component doivent être deux paramètres de {type} connus ici, dont un de type token"
        " (ou un token et deux nombres)",
        "component",
    )


def _misread(parameter: Parameter) -> list[Issue]:
    """An expression that leads to an element unknown, or to values that the type cannot search."""
    type, base = parameter.type, parameter.base
    try:
        fhirpath.typed(parameter.expression, base, strict=True)
    except Problem as refused:
        return [Issue(i.kind, i.text, i.fr, ("SearchParameter.expression",)) for i in refused.issues]
    found = value_types(parameter)
    if found & OPEN or any(_searched(type, kind) for kind in found):
        return []
    given = ", ".join(sorted(found)) or "nothing"
    return [
        _issue(
            "value",
            f"on {base} the expression gives {given}, which a parameter of type {type} cannot search;"
            f" it searches {_searchable(type)}",
            f"sur {base} l'expression donne {given}, qu'un paramètre de type {type} ne sait pas chercher ;"
            f" il cherche {_searchable(type)}",
            "type",
        )
    ]


def _searched(type: ParamType, kind: str) -> bool:
    return (type, kind) in ADDERS or (type == "reference" and kind in definitions().resource_types)


def _searchable(type: ParamType) -> str:
    kinds: Sequence[str] = sorted(
        {kind for of, kind in ADDERS if of == type and not kind.startswith("System")}
    )
    return ", ".join(kinds)
