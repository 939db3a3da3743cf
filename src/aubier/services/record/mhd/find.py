"""ITI-66 and ITI-67: which parameters a search takes here, and which it must have.

Rule: PDSm 3.1.1 flows 5 and 6; IHE MHD 4.2.4 §2:3.66, §2:3.67.
"""

from __future__ import annotations

from collections.abc import Sequence

from aubier.ground.rows import Asked, Offer, Resource
from aubier.services.record.mhd import ARCHIVED, MHD, PDSM

_PATIENT = ("patient", "patient.identifier")
_TAKEN = {
    "List": "authorOrg code date designationType identifier isArchived source source.family source.given"
    " sourceId status title",
    "DocumentReference": "author author.family author.given category creation date event facility format"
    " identifier isArchived period period-end period-start related relatesto security-label setting status"
    " type",
}
_OTHER_SPELLINGS = {"patient.identifier": "patient:identifier", "relatesto": "relatesTo"}


def _asked(kind: str) -> tuple[Asked, ...]:
    codes = ("_id", "_lastUpdated", *_PATIENT, *_TAKEN[kind].split())
    return tuple(Asked(code, also=_OTHER_SPELLINGS.get(code, "")) for code in codes)


OFFERS = (
    Offer(
        "DocumentReference",
        asked=_asked("DocumentReference"),
        required=(_PATIENT, ("status",)),
        supported=(f"{PDSM}/StructureDefinition/pdsm-comprehensive-document-reference",),
        about="create is ITI-105 Simplified Publish: the content is inside the document",
    ),
    Offer(
        "List",
        asked=_asked("List"),
        required=(_PATIENT, ("code",), ("status",)),
        supported=(f"{PDSM}/StructureDefinition/pdsm-submissionset-comprehensive",),
    ),
)
"""What is read and searched at the door: whose documents must be said."""


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
