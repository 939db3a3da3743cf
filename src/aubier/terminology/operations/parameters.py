"""Parameters in and out. From a GET every value comes as text and is read by what the operation expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.terminology.api import Terminology
from aubier.terminology.shelves.remembering import Reading

_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_T = TypeVar("_T")

MOST_CODINGS = 100
"""The most codings of a CodeableConcept."""

_LONGEST = 4_000
"""The longest text of a parameter, in characters."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a call, read by name. Problem `value` or `required`, with their place."""

    given: tuple[Resource, ...]
    id: str = ""
    language: str = ""

    def each(self, name: str) -> Iterator[tuple[Resource, str]]:
        """Every parameter of that name, with its place."""
        for n, one in enumerate(self.given):
            if one.get("name") == name:
                yield one, f"Parameters.parameter[{n}]"

    def texts(self, name: str) -> list[str]:
        """The values of a parameter that holds a text of any kind."""
        found = []
        for one, at in self.each(name):
            value = _value(one)
            if not isinstance(value, str) or not value or len(value) > _LONGEST or "\x00" in value:
                raise problem(
                    "value",
                    f"'{name}' must be a text of at most {_LONGEST} characters",
                    f"« {name} » doit être un texte d'au plus {_LONGEST} caractères",
                    at=at,
                )
            found.append(value)
        return found

    def text(self, name: str, default: str = "") -> str:
        """The one value of such a parameter. Problem when there are several."""
        found = self.texts(name)
        if len(found) > 1:
            raise problem(
                "value",
                f"'{name}' can be given once only",
                f"« {name} » ne se donne qu'une fois",
                at=f"Parameters.parameter.where(name='{name}')",
            )
        return found[0] if found else default

    def needed(self, name: str) -> str:
        """The same, which must be there."""
        found = self.text(name)
        if not found:
            raise missing(name)
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        for one, at in self.each(name):
            value = _value(one)
            if value in (True, "true"):
                return True
            if value in (False, "false"):
                return False
            raise problem("value", f"'{name}' is true or false", f"« {name} » vaut true ou false", at=at)
        return default

    def number(self, name: str) -> int | None:
        """A whole number, not negative, or None."""
        for one, at in self.each(name):
            value = _value(one)
            digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
            if digits.isascii() and digits.isdigit() and len(digits) < 10:
                return int(digits)
            raise problem(
                "value",
                f"'{name}' is a whole number, not negative",
                f"« {name} » est un nombre entier, non négatif",
                at=at,
            )
        return None

    def structure(self, name: str, kind: str) -> Resource | None:
        """A Coding, a CodeableConcept or a resource (`kind` its property: valueCoding, resource...)."""
        for one, at in self.each(name):
            value = one.get(kind)
            if isinstance(value, dict):
                return value
            raise problem("value", f"'{name}' must be a {kind}", f"« {name} » doit être un {kind}", at=at)
        return None

    def codings(self) -> list[Resource] | None:
        """The Coding, or those of the CodeableConcept, that have a code; None when neither is given.

        Problem `too-costly` beyond `MOST_CODINGS`.
        """
        coding = self.structure("coding", "valueCoding")
        concept = self.structure("codeableConcept", "valueCodeableConcept")
        if coding is None and concept is None:
            return None
        rows = [coding] if coding is not None else (concept or {}).get("coding")
        found = (
            [row for row in rows if isinstance(row, dict) and row.get("code")]
            if isinstance(rows, list)
            else []
        )
        if len(found) > MOST_CODINGS:
            raise problem(
                "too-costly",
                f"At most {MOST_CODINGS} codings",
                f"Au plus {MOST_CODINGS} codings",
                at="Parameters.parameter.where(name='codeableConcept')",
            )
        return found

    def resource(self, name: str, kind: str) -> Resource | None:
        """A resource of type `kind`."""
        found = self.structure(name, "resource")
        if found is not None and found.get("resourceType") != kind:
            raise problem(
                "value",
                f"'{name}' must be a {kind}",
                f"« {name} » doit être un {kind}",
                at=f"Parameters.parameter.where(name='{name}').resource",
            )
        return found

    def brought(self) -> Iterator[Resource]:
        """The resources that came with the call, for that call alone (`tx-resource`)."""
        for row, at in self.each("tx-resource"):
            resource = row.get("resource")
            if not isinstance(resource, dict):
                raise problem("value", "Give a resource", "Donnez une ressource", at=at)
            yield resource


async def terminology_of(ctx: Any, call: Asked, reading: Reading | None = None) -> Terminology:
    """The terminology service, with the code systems and value sets that came with a call.

    `reading` is how it reads, where something is remembered.
    """
    terminology = Terminology(reading or ctx.store)
    for resource in call.brought():
        await understood(terminology.library.given.add, resource)
    return terminology


async def understood(read: Callable[[Resource], _T], resource: Resource) -> _T:
    """What `read` makes of a resource that came with a call, which nobody has checked yet.

    Others are served while it reads a long one.
    Problem `structure` when it is not shaped as its type says.
    """
    try:
        return await by_length(read, resource)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        kind = str(resource.get("resourceType", ""))
        raise problem(
            "structure",
            f"This {kind} is malformed; {kind}/$validate tells what is wrong",
            f"Ce {kind} est mal formé ; {kind}/$validate dit ce qui ne va pas",
            at=kind,
        ) from error


def asked(
    parameters: Resource, operation: tuple[str, str], *, also: Sequence[str] = (), undone: Sequence[str] = ()
) -> Asked:
    """What a call of an operation, e.g. (`ValueSet`, `expand`), asks.

    Problem `structure` when it is neither a Parameters resource nor the one that the operation takes,
    `invalid` for a parameter that the operation's published definition does not have (nor `also`) or a code
    named in two ways, `not-supported` for one that is not done here.
    """
    parameters = _around(parameters, *operation)
    rows = parameters.get("parameter", [])
    fits = isinstance(rows, list) and all(
        isinstance(r, dict) and isinstance(r.get("name"), str) for r in rows
    )
    if parameters.get("resourceType") != "Parameters" or not fits:
        raise problem(
            "structure",
            "Send a Parameters resource",
            "Envoyez une ressource Parameters",
            at="Parameters",
        )
    known = _defined(*operation).union(also, ECOSYSTEM.get(operation[1], ()), _MARKS)
    for n, row in enumerate(rows):
        if row["name"] not in known or row["name"] in undone:
            raise _refused(row["name"][:64], f"Parameters.parameter[{n}]", done=row["name"] not in known)
    names, logical = [row["name"] for row in rows], str(parameters.get("_id", ""))
    _refuse_both(names)
    if logical and (brought := next((n for n in _taken(*operation).values() if n in names), "")):
        raise problem(
            "invalid",
            f"This is asked of {operation[0]}/{logical}: leave {brought} out, or ask it of the type",
            f"Ceci est demandé à {operation[0]}/{logical} : retirez {brought}, ou demandez-le au type",
            at=f"Parameters.parameter.where(name='{brought}')",
        )
    return Asked(tuple(rows), logical, str(parameters.get("_language", "")))


def _around(sent: Resource, on: str, code: str) -> Resource:
    """Parameters around a body that is itself the one resource that an operation takes.

    Rule: FHIR R4, operations.html#request.
    """
    name = _taken(on, code).get(str(sent.get("resourceType")))
    if name is None:
        return sent
    ours = {key: sent[key] for key in ("_id", "_language") if isinstance(sent.get(key), str)}
    resource = {key: value for key, value in sent.items() if key not in ours}
    return {"resourceType": "Parameters", "parameter": [{"name": name, "resource": resource}], **ours}


_WAYS = (
    ("coding", "code"),
    ("coding", "codeableConcept"),
    ("codeableConcept", "code"),
    ("codingA", "codeA"),
    ("codingB", "codeB"),
)


def _refuse_both(names: Sequence[str]) -> None:
    """Problem when a code is named in two ways: one would be left out.

    Rule: FHIR R4, CodeSystem-operation-lookup, ValueSet-operation-validate-code.
    """
    for one, other in _WAYS:
        if one in names and other in names:
            raise problem(
                "invalid",
                f"{one} and {other} both name a code: give one of them",
                f"{one} et {other} nomment chacun un code : donnez l'un des deux",
                at=f"Parameters.parameter.where(name='{other}')",
            )


_MARKS = ("uuid", "cache-id")
"""What a client marks its call with, and nobody reads."""

ECOSYSTEM = {
    "expand": ("property", "useSupplement", "default-valueset-version", "tx-resource"),
    "lookup": ("useSupplement", "tx-resource"),
    "subsumes": ("tx-resource",),
    "translate": ("tx-resource",),
    "validate-code": (
        "inferSystem",
        "lenient-display-validation",
        "valueset-membership-only",
        "activeOnly",
        "useSupplement",
        "default-valueset-version",
        "system-version",
        "check-system-version",
        "force-system-version",
        "tx-resource",
    ),
}
"""Parameters beyond R4 that are done. Rule: FHIR R5 and HL7 FHIR Terminology Ecosystem, requirements."""


@cache
def _defined(on: str, code: str) -> frozenset[str]:
    """The names of the parameters of an operation of R4."""
    found = (o for o in definitions().operations if o.code == code and on in o.resources)
    return frozenset(p.name for o in found for p in o.parameters if p.use == "in")


@cache
def _taken(on: str, code: str) -> Mapping[str, str]:
    """The types of the resources that an operation takes, and under which name."""
    found = (o for o in definitions().operations if o.code == code and on in o.resources)
    kinds = definitions().resource_types
    return {p.type: p.name for o in found for p in o.parameters if p.use == "in" and p.type in kinds}


def _refused(name: str, at: str, *, done: bool) -> Problem:
    if done:
        return problem(
            "invalid",
            f"'{name}' is no parameter of this operation; leave it out",
            f"« {name} » n'est pas un paramètre de cette opération ; retirez-le",
            at=at,
        )
    return problem("not-supported", f"'{name}' is not done here", f"« {name} » n'est pas traité ici", at=at)


def missing(*names: str) -> Problem:
    """The refusal of a call that lacks one of these."""
    listed = names[0] if len(names) == 1 else ", ".join(names)
    one_en, one_fr = ("", "") if len(names) == 1 else ("one of ", "l'un de ")
    return problem(
        "required",
        f"Give {one_en}{listed}",
        f"Donnez {one_fr}{listed}",
        at=f"Parameters.parameter.where(name='{names[0]}')",
    )


def answer(parts: Sequence[Resource | None]) -> Resource:
    """A Parameters resource of the parts that are there."""
    return {"resourceType": "Parameters", "parameter": [one for one in parts if one is not None]}


def part(name: str, kind: str, value: Any) -> Resource | None:
    """A parameter, or None for a value that is not there."""
    return None if value is None or value == "" else {"name": name, kind: value}


def message(issues: Sequence[Issue], language: str) -> Resource | None:
    """What is wrong, in the caller's language, with the other language as its translation."""
    return {"name": "message", **translated("valueString", issues, language)} if issues else None


def translated(name: str, issues: Sequence[Issue], language: str) -> Resource:
    """A property that says the issues in the caller's language, and its translation into the other."""
    other = "en" if language == "fr" else "fr"
    texts = {tongue: "; ".join(issue.said(tongue) for issue in issues) for tongue in ("fr", "en")}
    said = [{"url": "lang", "valueCode": other}, {"url": "content", "valueString": texts[other]}]
    return {
        name: texts[language if language == "fr" else "en"],
        f"_{name}": {"extension": [{"url": _TRANSLATION, "extension": said}]},
    }


def open_to(ctx: Any, kind: str) -> None:
    """Problem `forbidden` unless the actor's scopes open a type: these operations read it."""
    sight = ctx.store.sight
    # Answered of all that is here: who may see some only, by a scope with a query, is not told.
    if not sight.sees_type(kind) or sight.limits(kind):
        raise problem(
            "forbidden",
            f"Your token does not let you read {kind}; ask for a scope that does",
            f"Votre jeton ne permet pas de lire {kind} ; demandez une portée qui le permet",
            at="http.Authorization",
        )


def designated(designations: Sequence[Mapping[str, Any]]) -> list[Resource]:
    """Designations as parameters of `$lookup`."""
    found = []
    for one in designations:
        parts = [
            part("language", "valueCode", one.get("language")),
            part("use", "valueCoding", one.get("use")),
        ]
        parts.append(part("value", "valueString", one.get("value")))
        found.append({"name": "designation", "part": [p for p in parts if p is not None]})
    return found


def _value(one: Resource) -> Any:
    return next((value for key, value in one.items() if key.startswith("value")), None)
