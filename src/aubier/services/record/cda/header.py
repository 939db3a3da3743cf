"""Reads the header of a CDA R2 document.

Rule: CI-SIS, volet Structuration minimale de documents médicaux v1.16, §3.5 (header).
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from aubier.ground.problem import Issue, Problem
from aubier.services.record.cda.model import (
    Code,
    Event,
    Header,
    Id,
    Name,
    Organization,
    Party,
    PatientRole,
    Related,
    Stay,
)
from aubier.services.record.cda.time import fhir_time
from aubier.services.record.cda.xml import every, first, text_of

_RULE = "CI-SIS Structuration minimale v1.16 §3.5"
_PARTY_PLACES = ("assignedAuthor", "assignedEntity", "associatedEntity", "intendedRecipient")
_PERSON_PLACES = ("assignedPerson", "associatedPerson", "informationRecipient")
_ORGANIZATION_PLACES = ("representedOrganization", "scopingOrganization", "receivedOrganization")


def _ids(element: etree._Element | None) -> tuple[Id, ...]:
    found = (Id(e.get("root", ""), e.get("extension", "").strip()) for e in every(element, "id"))
    return tuple(i for i in found if i.root)


def _code(element: etree._Element | None) -> Code:
    if element is None:
        return Code()
    return Code(
        element.get("code", ""),
        element.get("codeSystem", ""),
        element.get("displayName", "").strip(),
        text_of(first(element, "originalText")),
    )


def _time(element: etree._Element | None, at: str) -> str:
    return "" if element is None else fhir_time(element.get("value"), at)


def _period(element: etree._Element | None, at: str) -> tuple[str, str]:
    """Start and end of an IVL_TS, or a point in time as its own start."""
    if element is None:
        return "", ""
    start = _time(first(element, "low"), f"{at}.low") or _time(element, at)
    return start, _time(first(element, "high"), f"{at}.high")


def _by_qualifier(name: etree._Element, part: str) -> dict[str, str]:
    """The first text of each qualifier of a name's parts: BR birth, CL used, SP spouse, '' none."""
    found: dict[str, str] = {}
    for element in every(name, part):
        found.setdefault(element.get("qualifier", ""), text_of(element))
    return {k: v for k, v in found.items() if v}


def _name(element: etree._Element | None) -> Name:
    if element is None:
        return Name()
    family, given = _by_qualifier(element, "family"), _by_qualifier(element, "given")
    if not family and not given:
        return Name(family=text_of(element))
    return Name(
        family=family.get("CL") or family.get("SP") or family.get("") or family.get("BR", ""),
        given=given.get("CL") or given.get("BR") or given.get("", ""),
        prefix=text_of(first(element, "prefix")),
        suffix=text_of(first(element, "suffix")),
        birth_family=family.get("BR", ""),
        birth_given=given.get("BR", ""),
        birth_givens=given.get("", "") if "BR" in given else "",
    )


def _organization(element: etree._Element | None) -> Organization:
    if element is None:
        return Organization()
    setting = _code(first(element, "standardIndustryClassCode"))
    return Organization(_ids(element), text_of(first(element, "name")), setting)


def _one_of(element: etree._Element | None, names: tuple[str, ...]) -> etree._Element | None:
    return next((e for n in names if (e := first(element, n)) is not None), None)


def _device(entity: etree._Element | None) -> str:
    device = first(entity, "assignedAuthoringDevice")
    names = (text_of(first(device, n)) for n in ("softwareName", "manufacturerModelName"))
    return next((n for n in names if n and n != "."), "")


def _party(element: etree._Element, at: str) -> Party:
    """A participation: author, legalAuthenticator, informationRecipient, performer..."""
    entity = _one_of(element, _PARTY_PLACES)
    person = _one_of(entity, _PERSON_PLACES)
    return Party(
        ids=_ids(entity),
        time=_time(first(element, "time"), f"{at}.time"),
        name=_name(first(person, "name")),
        device=_device(entity),
        specialty=_code(first(entity, "code")),
        role=_code(first(element, "functionCode")),
        organization=_organization(_one_of(entity, _ORGANIZATION_PLACES)),
    )


def _parties(root: etree._Element, name: str) -> Iterator[Party]:
    for number, element in enumerate(every(root, name)):
        yield _party(element, f"ClinicalDocument.{name}[{number}]")


def _patient(root: etree._Element) -> PatientRole:
    role = first(root, "recordTarget/patientRole")
    person = first(role, "patient")
    place = first(person, "birthplace/place/addr")
    gender = first(person, "administrativeGenderCode")
    birth = _time(first(person, "birthTime"), "ClinicalDocument.recordTarget.patientRole.patient.birthTime")
    return PatientRole(
        ids=_ids(role),
        name=_name(first(person, "name")),
        gender="" if gender is None else gender.get("code", ""),
        birth_date=birth.partition("T")[0],
        birth_place=text_of(first(place, "county")),
        birth_city=text_of(first(place, "city")),
    )


def _events(root: etree._Element) -> Iterator[Event]:
    for number, act in enumerate(every(root, "documentationOf/serviceEvent")):
        at = f"ClinicalDocument.documentationOf[{number}].serviceEvent"
        start, end = _period(first(act, "effectiveTime"), f"{at}.effectiveTime")
        performers = tuple(_party(p, f"{at}.performer") for p in every(act, "performer"))
        yield Event(_code(first(act, "code")), start, end, performers)


def _related(root: etree._Element) -> Iterator[Related]:
    for element in every(root, "relatedDocument"):
        parent = first(element, "parentDocument")
        ids = _ids(parent)
        version = first(parent, "versionNumber")
        if ids:
            yield Related(
                element.get("typeCode", ""), ids[0], "" if version is None else version.get("value", "")
            )


def _stay(root: etree._Element) -> Stay:
    stay = first(root, "componentOf/encompassingEncounter")
    facility = first(stay, "location/healthCareFacility")
    start, end = _period(first(stay, "effectiveTime"), "ClinicalDocument.componentOf.effectiveTime")
    return Stay(
        _code(first(stay, "code")),
        start,
        end,
        _code(first(facility, "code")),
        text_of(first(facility, "location/name")),
    )


def _require(root: etree._Element) -> None:
    """Refuses, with every place at once, a header that lacks what a document reference is made of."""
    wanted = {
        "id": "identifiant",
        "code": "type",
        "effectiveTime": "date",
        "recordTarget/patientRole": "patient",
        "author": "auteur",
        "custodian/assignedCustodian/representedCustodianOrganization": "organisme de conservation",
        "component": "corps",
    }
    missing = tuple(
        Issue(
            "required",
            f"The header has no {path.split('/')[0]}",
            f"L'en-tête n'a pas de {label}",
            (f"ClinicalDocument.{path.replace('/', '.')}",),
            rule=_RULE,
        )
        for path, label in wanted.items()
        if first(root, path) is None
    )
    if missing:
        raise Problem(missing)


def _unique(root: etree._Element) -> tuple[Id, Code, str]:
    """Identifier, type and date: present and not null."""
    ids, code = _ids(root), _code(first(root, "code"))
    date = _time(first(root, "effectiveTime"), "ClinicalDocument.effectiveTime")
    places = [n for n, v in (("id", ids), ("code", code.code), ("effectiveTime", date)) if not v]
    if places:
        raise Problem(
            tuple(
                Issue(
                    "required",
                    f"{p} holds no value",
                    f"{p} ne porte pas de valeur",
                    (f"ClinicalDocument.{p}",),
                    rule=_RULE,
                )
                for p in places
            )
        )
    return ids[0], code, date


def read_header(root: etree._Element) -> Header:
    """The header of a parsed ClinicalDocument (see `parse_document`).

    Errors: Problem `required` for each missing element, `value` for a time that is none.
    Rule: CI-SIS Structuration minimale v1.16 §3.5.
    """
    _require(root)
    identifier, code, date = _unique(root)
    confidentiality = _code(first(root, "confidentialityCode"))
    language = first(root, "languageCode")
    version = first(root, "versionNumber")
    sets = first(root, "setId")
    body = first(root, "component/nonXMLBody/text")
    return Header(
        id=identifier,
        code=code,
        title=text_of(first(root, "title")) or code.display or code.code,
        date=date,
        confidentiality=confidentiality,
        language="fr-FR" if language is None else language.get("code", "fr-FR"),
        patient=_patient(root),
        authors=tuple(_parties(root, "author")),
        custodian=_organization(first(root, "custodian/assignedCustodian/representedCustodianOrganization")),
        models=tuple(e.get("root", "") for e in every(root, "templateId")),
        set_id=None if sets is None else Id(sets.get("root", ""), sets.get("extension", "")),
        version="" if version is None else version.get("value", ""),
        signer=next(_parties(root, "legalAuthenticator"), None),
        recipients=tuple(_parties(root, "informationRecipient")),
        related=tuple(_related(root)),
        events=tuple(_events(root)),
        stay=_stay(root),
        body="N3" if body is None else "N1",
        media_type="" if body is None else body.get("mediaType", "text/plain"),
    )
