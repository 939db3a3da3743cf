"""ITI-66 and ITI-67: which parameters a search takes here, and which it must have.

Rule: PDSm 3.1.1 flows 5 and 6; IHE MHD 4.2.4 §2:3.66, §2:3.67.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.services.record.mhd import ARCHIVED, MHD, PDSM

_RULE = "PDSm 3.1.1, flows 5 and 6"
_PATIENT = ("patient", "patient.identifier", "patient:identifier")
_EVERYWHERE = {"_id", "_lastUpdated", "_count", "_sort", "_total", "_summary", "_page"}
_LEFT_OUT = {"_format", "_pretty"}
_TAKEN = {
    "List": {
        "code",
        "status",
        "date",
        "designationType",
        "identifier",
        "isArchived",
        "title",
        "sourceId",
        "source",
        "source.given",
        "source.family",
        "authorOrg",
    },
    "DocumentReference": {
        "status",
        "type",
        "facility",
        "setting",
        "identifier",
        "creation",
        "date",
        "security-label",
        "isArchived",
        "period-start",
        "period-end",
        "period",
        "format",
        "category",
        "relatesto",
        "related",
        "event",
        "author",
        "author.given",
        "author.family",
    },
}
_REQUIRED = {"List": ("code", "status"), "DocumentReference": ("status",)}
_OTHER_NAMES = {"relatesTo": "relatesto"}


def taken(kind: str) -> frozenset[str]:
    """The parameters of the guide for List or DocumentReference, beside the patient."""
    return frozenset(_TAKEN[kind])


def _base(name: str) -> str:
    """The parameter without its modifier: `type:not` gives `type`, `source:Patient.given` `source.given`."""
    head, _, rest = name.partition(":")
    _, _, chain = rest.partition(".")
    return f"{head}.{chain}" if chain else head


def find_pairs(kind: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs of a List or DocumentReference search, checked, as the store takes them.

    Errors: Problem `required` when the patient, the status (and for List the code) are not given,
    `invalid` for a parameter the guide does not list; every issue at once.
    """
    kept = [(_OTHER_NAMES.get(k, k), v) for k, v in pairs if k not in _LEFT_OUT]
    names = {_base(k) for k, _ in kept if k not in _PATIENT}
    issues = [
        Issue(
            "required",
            f"The parameter {name} is required",
            f"Le paramètre {name} est obligatoire",
            (f"http.{name}",),
            rule=_RULE,
        )
        for name in _REQUIRED[kind]
        if not any(k == name and v for k, v in kept)
    ]
    if not any(k in _PATIENT and v for k, v in kept):
        text, fr = (
            "patient or patient.identifier is required",
            "patient ou patient.identifier est obligatoire",
        )
        issues.insert(0, Issue("required", text, fr, ("http.patient",), rule=_RULE))
    for name in sorted(names - _TAKEN[kind] - _EVERYWHERE):
        text = f"The parameter {name[:60]} is not taken here"
        fr = f"Le paramètre {name[:60]} n'est pas accepté ici"
        issues.append(Issue("invalid", text, fr, (f"http.{name[:60]}",), rule=_RULE))
    if issues:
        raise Problem(tuple(issues))
    return [("patient.identifier" if k == "patient:identifier" else k, v) for k, v in kept]


def searchset(
    base: str,
    kind: str,
    pairs: Sequence[tuple[str, str]],
    found: Sequence[Resource],
    *,
    total: int | None = None,
    cursor: str = "",
) -> Resource:
    """The searchset Bundle of one page, with self and next links below `base`."""
    own = [(k, v) for k, v in pairs if k != "_page"]
    links = [{"relation": "self", "url": f"{base}/{kind}?{urlencode(pairs)}"}]
    if cursor:
        links.append({"relation": "next", "url": f"{base}/{kind}?{urlencode([*own, ('_page', cursor)])}"})
    made: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None or not cursor:
        made["total"] = len(found) if total is None else total
    made["link"] = links
    entries = [
        {"fullUrl": f"{base}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found
    ]
    return made | ({"entry": entries} if entries else {})


def _parameter(code: str, kind: str, base: Sequence[str], *, url: str, expression: str) -> Resource:
    return {
        "resourceType": "SearchParameter",
        "id": url.rpartition("/")[2],
        "url": url,
        "name": url.rpartition("/")[2].replace("-", ""),
        "status": "active",
        "description": expression,
        "code": code,
        "base": list(base),
        "type": kind,
        "expression": expression,
    }


def _extension(url: str, suffix: str = "value") -> str:
    return f"extension.where(url='{url}').{suffix}"


_MHD_EXTENSION = f"{MHD}/StructureDefinition"
SEARCH_PARAMETERS: tuple[Resource, ...] = (
    _parameter(
        "creation",
        "date",
        ["DocumentReference"],
        url=f"{MHD}/SearchParameter/DocumentReference-Creation",
        expression="DocumentReference.content.attachment.creation",
    ),
    _parameter(
        "period-start",
        "date",
        ["DocumentReference"],
        url=f"{PDSM}/SearchParameter/PDSm-DocumentReference-period-start",
        expression="DocumentReference.context.period.start",
    ),
    _parameter(
        "period-end",
        "date",
        ["DocumentReference"],
        url=f"{PDSM}/SearchParameter/PDSm-DocumentReference-period-end",
        expression="DocumentReference.context.period.end",
    ),
    _parameter(
        "isArchived",
        "token",
        ["DocumentReference", "List"],
        url=f"{PDSM}/SearchParameter/PDSm-isArchived",
        expression=_extension(ARCHIVED),
    ),
    _parameter(
        "designationType",
        "token",
        ["List"],
        url=f"{MHD}/SearchParameter/List-DesignationType",
        expression="List." + _extension(f"{_MHD_EXTENSION}/ihe-designationType"),
    ),
    _parameter(
        "sourceId",
        "token",
        ["List"],
        url=f"{MHD}/SearchParameter/List-SourceId",
        expression="List." + _extension(f"{_MHD_EXTENSION}/ihe-sourceId"),
    ),
    _parameter(
        "authorOrg",
        "reference",
        ["List"],
        url=f"{PDSM}/SearchParameter/PDSm-List-authorOrg",
        expression="List.source." + _extension(f"{_MHD_EXTENSION}/ihe-authorOrg"),
    ),
)
"""The parameters that MHD and PDSm define. PDSm looks for authorOrg on List itself, MHD puts it on
`source`: we look where it is."""
