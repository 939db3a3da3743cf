"""The four statuses of an identity (RNIV): what each event does, and what is refused.

Pure: a `Standing` and an event give the next `Standing`, or a Problem that names the rule.

Rule: RNIV 1 v2.0 (Dec 2024) §3.2 (statuses and attributes), EXI SI 07, EXI SI 09.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aubier.ground.problem import Issue, Problem

SI_07 = "RNIV 1 v2.0 §3.2, EXI SI 07"
SI_09 = "RNIV 1 v2.0 §3.2.3, EXI SI 09"
RELIABILITY_2 = "RNIV 1 v2.0 §3.2.3; FR Core fr-core-identity-reliability-2"
HIGH_TRUST = "RNIV 1 v2.0, high-trust identity documents"
STRICT = "RNIV 1 v2.0 §3.2: strict traits"


class Status(StrEnum):
    """The trust in an identity; one at a time (EXI SI 07)."""

    PROV = "PROV"
    RECUP = "RECUP"
    VALI = "VALI"
    QUAL = "QUAL"


class Attribute(StrEnum):
    """What may be said of an identity beside its status: doubtful, fictive, homonym."""

    DOUT = "DOUT"
    FICT = "FICT"
    HOMO = "HOMO"


_FR_STATUS = {
    Status.PROV: "provisoire",
    Status.RECUP: "récupérée",
    Status.VALI: "validée",
    Status.QUAL: "qualifiée",
}
_EN_STATUS = {
    Status.PROV: "provisional",
    Status.RECUP: "recovered",
    Status.VALI: "validated",
    Status.QUAL: "qualified",
}
_FR_ATTRIBUTE = {Attribute.DOUT: "douteuse", Attribute.FICT: "fictive", Attribute.HOMO: "homonyme"}
_EN_ATTRIBUTE = {Attribute.DOUT: "doubtful", Attribute.FICT: "fictive", Attribute.HOMO: "homonym"}
_FROZEN = frozenset({Attribute.DOUT, Attribute.FICT})


def status_name(status: Status, language: str) -> str:
    """The status in a word, in `fr` or `en`."""
    return _FR_STATUS[status] if language == "fr" else _EN_STATUS[status]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an identity stands: its status and its attributes."""

    status: Status = Status.PROV
    attributes: frozenset[Attribute] = frozenset()

    @property
    def frozen(self) -> bool:
        """Doubtful or fictive: must stay provisional, and INSi must not be called."""
        return bool(self.attributes & _FROZEN)

    @property
    def insi(self) -> bool:
        """The traits and the number come from INSi (or from the carte Vitale app)."""
        return self.status in (Status.RECUP, Status.QUAL)

    @property
    def document(self) -> bool:
        """A high-trust document was checked."""
        return self.status in (Status.VALI, Status.QUAL)


@dataclass(frozen=True, slots=True)
class Document:
    """An identity document shown at the desk. `code` is a FR Core validation mode (PA, CN, CE, CS, LE...).

    `country` is the ISO 3166 two-letter code of the State that gave it. `minor`: the patient is under 18.
    `parent` is the code of the document shown by a parent. `care_home`: a resident admitted directly from a
    care home. `vitale_photo`: a carte Vitale with photograph was shown with it. `permanent`: for a residence
    permit.
    """

    code: str
    country: str = "FR"
    minor: bool = False
    parent: str = ""
    care_home: bool = False
    vitale_photo: bool = False
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class InsiAnswered:
    """INSi was called: `found` tells that it gave, or confirmed, the number for exactly these traits."""

    found: bool


@dataclass(frozen=True, slots=True)
class DocumentChecked:
    """A document was held against the five traits: `agrees` tells that they are the same."""

    document: Document
    agrees: bool = True


@dataclass(frozen=True, slots=True)
class AttributeSet:
    """Somebody sets an attribute."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class AttributeRemoved:
    """Somebody removes an attribute."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class TraitChanged:
    """One of the five strict traits was changed by hand."""


Event = InsiAnswered | DocumentChecked | AttributeSet | AttributeRemoved | TraitChanged

_TABLE = {
    (False, False): Status.PROV,
    (True, False): Status.RECUP,
    (False, True): Status.VALI,
    (True, True): Status.QUAL,
}

_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_EUROPE = frozenset([*_UNION.split(" "), "IS", "LI", "NO", "CH", "MC", "SM", "AD", "VA"])
"""EU and EEA, Switzerland, Monaco, San Marino, Andorra, Vatican: whose identity card is of high trust."""

KNOWN_DOCUMENTS = frozenset({"AN", "CC", "CE", "CM", "CN", "CS", "LE", "PA", "PC"})
"""The validation modes of FR Core."""


def status_of(*, insi: bool, document: bool) -> Status:
    """The status that two facts give: verified with INSi, high-trust document checked."""
    return _TABLE[insi, document]


def step(standing: Standing, event: Event) -> Standing:
    """The standing after `event`; Problem `business-rule` when the rules forbid the event.

    Where the next status is PROV or VALI, the INS number held so far must no longer be used.
    Rule: RNIV 1 v2.0 §3.2, EXI SI 07 and EXI SI 09.
    """
    match event:
        case InsiAnswered(found):
            return _after_insi(standing, found)
        case DocumentChecked(document, agrees):
            return _after_document(standing, document, agrees)
        case AttributeSet(attribute):
            return _with_attribute(standing, attribute)
        case AttributeRemoved(attribute):
            return Standing(standing.status, standing.attributes - {attribute})
        case TraitChanged():
            return Standing(Status.PROV, standing.attributes)


def _after_insi(standing: Standing, found: bool) -> Standing:
    if standing.frozen:
        raise Problem((_frozen(standing, "INSi must not be called", "INSi ne doit pas être appelé"),))
    return Standing(status_of(insi=found, document=standing.document), standing.attributes)


def _after_document(standing: Standing, document: Document, agrees: bool) -> Standing:
    if standing.frozen:
        raise Problem((_frozen(standing, "it cannot be validated", "elle ne peut pas être validée"),))
    refusal = document_refusal(document)
    if refusal:
        raise Problem((refusal,))
    if not agrees:
        # Neither what INSi gave nor what was typed can be trusted against the paper.
        return Standing(Status.PROV, standing.attributes)
    return Standing(status_of(insi=standing.insi, document=True), standing.attributes)


def _with_attribute(standing: Standing, attribute: Attribute) -> Standing:
    attributes = standing.attributes | {attribute}
    issues = attribute_issues(attributes)
    if issues:
        raise Problem(tuple(issues))
    return Standing(Status.PROV if attribute in _FROZEN else standing.status, attributes)


def _frozen(standing: Standing, text: str, fr: str) -> Issue:
    which = sorted(standing.attributes & _FROZEN)[0]
    return Issue(
        "business-rule",
        f"The identity is marked {_EN_ATTRIBUTE[which]}: {text}",
        f"L'identité est marquée {_FR_ATTRIBUTE[which]} : {fr}",
        rule=SI_09,
    )


def attribute_issues(attributes: frozenset[Attribute]) -> list[Issue]:
    """Why these attributes cannot stand together; empty when they can.

    Rule: RNIV 1 v2.0 §3.2.3: only doubtful and homonym may be used together.
    """
    others = sorted(attributes - {Attribute.FICT})
    if Attribute.FICT not in attributes or not others:
        return []
    return [
        Issue(
            "business-rule",
            f"An identity cannot be both fictive and {_EN_ATTRIBUTE[others[0]]}",
            f"Une identité ne peut pas être à la fois fictive et {_FR_ATTRIBUTE[others[0]]}",
            rule=RELIABILITY_2,
        )
    ]


def standing_issues(standing: Standing) -> list[Issue]:
    """Why this standing cannot exist; empty when it can.

    Rule: EXI SI 09 (doubtful or fictive means provisional) and the combinations of attributes.
    """
    issues = attribute_issues(standing.attributes)
    if standing.frozen and standing.status is not Status.PROV:
        text = f"it cannot be {_EN_STATUS[standing.status]}"
        issues.append(_frozen(standing, text, f"elle ne peut pas être {_FR_STATUS[standing.status]}"))
    return issues


def document_refusal(document: Document) -> Issue | None:
    """Why this document cannot validate an identity, or None when it can.

    Rule: RNIV 1 v2.0: passport; identity card of the EU, EEA, Switzerland, Monaco, San Marino, Andorra or
    Vatican; permanent residence permit; for a minor, family booklet or birth extract with a parent's
    document; for a care-home resident admitted directly, family booklet or birth extract with a carte
    Vitale with photograph.
    """
    match document.code:
        case "PA":
            return None
        case "CN" | "CE":
            return _card_refusal(document)
        case "CS":
            text, fr = "the residence permit is not a permanent one", "le titre de séjour n'est pas permanent"
            return None if document.permanent else _refused(document, text, fr)
        case "LE" | "AN":
            return _booklet_refusal(document)
        case code if code in KNOWN_DOCUMENTS:
            text = "this kind of document is not of high trust"
            return _refused(document, text, "cette pièce n'est pas à haut niveau de confiance")
    return _refused(document, "it is not a known kind of document", "ce type de pièce n'est pas connu")


def _card_refusal(document: Document) -> Issue | None:
    if document.country in _EUROPE:
        return None
    text = f"an identity card of {document.country} is not of high trust; ask for a passport"
    fr = f"une carte d'identité de {document.country} ne suffit pas ; demander un passeport"
    return _refused(document, text, fr)


def _booklet_refusal(document: Document) -> Issue | None:
    if document.care_home and document.vitale_photo:
        return None
    if document.minor and _parent_shown(document):
        return None
    if document.minor:
        text = "for a minor it counts only with an identity document of a parent"
        return _refused(
            document, text, "pour un mineur elle ne vaut qu'avec une pièce d'identité d'un parent"
        )
    text = "it counts for a minor, or for a care-home resident with a carte Vitale with photograph"
    fr = "elle vaut pour un mineur, ou pour un résident d'EHPAD avec sa carte Vitale avec photo"
    return _refused(document, text, fr)


def _parent_shown(document: Document) -> bool:
    return document.parent in ("PA", "CN", "CE", "CS") and (
        document_refusal(Document(document.parent, document.country)) is None
    )


def _refused(document: Document, text: str, fr: str) -> Issue:
    return Issue(
        "business-rule",
        f"Document {document.code} cannot validate an identity: {text}",
        f"La pièce {document.code} ne peut pas valider une identité : {fr}",
        rule=HIGH_TRUST,
    )
