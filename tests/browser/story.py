"""One story as FHIR resources: a heart-failure patient home from hospital, his daughter, his caregivers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Resource = dict[str, Any]
INS_TEST = "urn:oid:1.2.250.1.213.1.4.10"
LOINC = "http://loinc.org"


def patient(id_: str, family: str, given: str, **more: Any) -> Resource:
    """A Patient with an official name; `ins`, `city`, `insee`, `status` are put where FR Core says."""
    ins, city, insee = more.pop("ins", ""), more.pop("city", ""), more.pop("insee", "")
    status = more.pop("status", "VALI")
    place = {
        "city": city,
        "extension": [{"url": "https://interop.esante.gouv.fr/insee-code", "valueCoding": {"code": insee}}],
    }
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "identifier": [{"use": "official", "system": INS_TEST, "value": ins}] if ins else [],
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": place},
            {
                "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
                "extension": [{"url": "identityStatus", "valueCoding": {"code": status}}],
            },
        ],
        **more,
    }


YANN = patient(
    "yann",
    "LE GOFF",
    "Yann",
    ins="155032904611767",
    city="Douarnenez",
    insee="29046",
    gender="male",
    birthDate="1955-03-04",
    telecom=[{"system": "phone", "value": "06 39 98 12 34"}],
    address=[{"line": ["12 rue du Port-Rhu"], "postalCode": "29100", "city": "Douarnenez"}],
)
LEO = patient(
    "leo", "LE GOFF", "Léo", city="Brest", insee="29019", gender="male", birthDate="2012-06-10", status="PROV"
)
NOLWENN = patient(
    "nolwenn",
    "KERVELLA",
    "Nolwenn",
    city="Quimper",
    insee="29232",
    gender="female",
    birthDate="2026-11-01",
    status="PROV",
)
EMPTY = patient("vide", "TANGUY", "Maël", gender="male", birthDate="1990-01-31", status="PROV")
STRANGER = patient(
    "autre",
    "LE GOFF",
    "Yann",
    ins="155032904622259",
    city="Crozon",
    insee="29042",
    gender="male",
    birthDate="1955-03-04",
)


def ref(kind: str, id_: str, name: str = "") -> Resource:
    """A reference with its display."""
    return {"reference": f"{kind}/{id_}", **({"display": name} if name else {})}


PEOPLE = {
    "morvan": ("MORVAN", "Anne", "Dr", "Médecin généraliste", "Cabinet Les Halles", "Douarnenez"),
    "tanguy": ("TANGUY", "Hervé", "Dr", "Cardiologue", "CHU de Rennes", "Rennes"),
    "kerjean": ("KERJEAN", "Soizic", "", "Infirmière", "Cabinet infirmier du Ris", "Douarnenez"),
    "legall": ("LE GALL", "Paul", "", "Pharmacien", "Pharmacie du Port", "Douarnenez"),
    "labo": ("PRIGENT", "Jean", "Dr", "Biologiste", "Laboratoire Armor", "Douarnenez"),
    "lebras": ("LE BRAS", "Maud", "Dr", "Ophtalmologue", "Centre Atlantique", "Quimper"),
}


def name(key: str) -> str:
    """`Dr Anne Morvan`."""
    family, given, prefix, *_ = PEOPLE[key]
    return " ".join(p for p in (prefix, given, family.title()) if p)


def directory() -> list[Resource]:
    """The professionals, their roles and their places."""
    found: list[Resource] = []
    for key, (family, given, prefix, role, place, city) in PEOPLE.items():
        found += [
            {
                "resourceType": "Practitioner",
                "id": key,
                "name": [{"family": family, "given": [given], "prefix": [prefix] if prefix else []}],
            },
            {"resourceType": "Organization", "id": f"org-{key}", "name": place, "address": [{"city": city}]},
            {
                "resourceType": "PractitionerRole",
                "id": f"role-{key}",
                "practitioner": ref("Practitioner", key),
                "organization": ref("Organization", f"org-{key}"),
                "specialty": [{"text": role}],
            },
        ]
    return found


def document(
    id_: str, title: str, code: str, kind: str, date: str, *, by: str = "morvan", **more: Any
) -> Resource:
    """A DocumentReference of Yann, written by one of `PEOPLE`."""
    return {
        "resourceType": "DocumentReference",
        "id": id_,
        "meta": {"lastUpdated": f"{date}T10:00:00Z"},
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": code, "display": kind}]},
        "subject": ref("Patient", "yann"),
        "date": f"{date}T10:00:00Z",
        "author": [ref("Practitioner", by, name(by))],
        "custodian": {"display": PEOPLE[by][4]},
        "description": title,
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "title": title,
                    "size": 214_312,
                    "url": f"Binary/{id_}",
                }
            }
        ],
        **more,
    }


MASKED = [
    {
        "coding": [
            {
                "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
                "code": "MASQUE_PS",
            }
        ]
    }
]
BIO = "CR d'examens biologiques"
CONSULT = "CR ou fiche de consultation ou de visite"


def documents() -> list[Resource]:
    """Two years of documents."""
    fixed = [
        document(
            "sortie",
            "Lettre de sortie, cardiologie",
            "11490-0",
            "Lettre de liaison à la sortie",
            "2026-11-18",
            by="tanguy",
        ),
        document(
            "bio1", "Analyses de sang : BNP, kaliémie, créatinine", "11502-2", BIO, "2026-11-16", by="labo"
        ),
        document(
            "bio2", "Analyses de sang : BNP, kaliémie, créatinine", "11502-2", BIO, "2026-11-16", by="labo"
        ),
        document(
            "echo", "Échographie cardiaque, FEVG 38 %", "18748-4", "CR d'imagerie médicale", "2026-10-02"
        ),
        document(
            "ordo",
            "Ordonnance : apixaban, bisoprolol, furosémide",
            "57833-6",
            "Prescription de produits de santé",
            "2026-09-03",
        ),
        document(
            "psy",
            "Consultation de suivi psychologique",
            "11488-4",
            CONSULT,
            "2026-07-14",
            securityLabel=MASKED,
        ),
        document("vsm", "Synthèse médicale", "60591-5", "Synthèse médicale", "2026-06-11"),
        document("vac", "Note de vaccination", "87273-9", "Note de vaccination", "2025-11-04", by="labo"),
    ]
    old = [
        document(
            f"old{n}",
            f"Consultation de suivi n° {24 - n}",
            "11488-4",
            CONSULT,
            f"{2026 - (n + 6) // 12}-{12 - (n + 6) % 12:02d}-12",
        )
        for n in range(24)
    ]
    return [*fixed, *old]


def prescription(
    id_: str, medicine: str, when: dict[str, str], authored: str, until: str, **more: Any
) -> Resource:
    """A MedicationRequest with one structured instruction per moment; `when` is moment -> quantity."""
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "status": "active",
        "intent": "order",
        "subject": ref("Patient", "yann"),
        "authoredOn": authored,
        "requester": ref("Practitioner", "morvan", name("morvan")),
        "medicationCodeableConcept": {"text": medicine},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"when": list(when)}},
                "doseAndRate": [{"doseQuantity": {"value": Decimal(q), "unit": "comprimé"}}],
            }
            for q in list(when.values())[:1]
        ],
        "dispenseRequest": {"validityPeriod": {"end": until}},
        **more,
    }


def treatments() -> list[Resource]:
    """What Yann takes."""
    return [
        prescription("apixaban", "Apixaban 5 mg", {"MORN": "1", "EVE": "1"}, "2026-09-03", "2027-03-03"),
        prescription("bisoprolol", "Bisoprolol 5 mg", {"MORN": "1"}, "2026-09-03", "2026-12-04"),
        prescription(
            "furosemide",
            "Furosémide 40 mg",
            {"MORN": "1"},
            "2026-11-18",
            "2026-12-16",
            priorPrescription=ref("MedicationRequest", "furo20"),
            requester=ref("Practitioner", "tanguy", name("tanguy")),
        ),
    ]


def weights() -> list[Resource]:
    """Fourteen mornings on the scales."""
    values = [
        "78.2",
        "78.3",
        "78.3",
        "78.5",
        "78.4",
        "78.6",
        "78.5",
        "78.7",
        "78.7",
        "78.8",
        "78.8",
        "79.0",
        "78.9",
        "79.1",
    ]
    return [
        {
            "resourceType": "Observation",
            "id": f"w{n}",
            "status": "final",
            "subject": ref("Patient", "yann"),
            "code": {"text": "Poids", "coding": [{"system": LOINC, "code": "29463-7"}]},
            "effectiveDateTime": f"2026-11-{9 + n:02d}T07:12:00Z",
            "valueQuantity": {"value": Decimal(v), "unit": "kg"},
            "referenceRange": [{"low": {"value": Decimal(77)}, "high": {"value": Decimal(80)}}],
        }
        for n, v in enumerate(values)
    ]


def consent(
    id_: str, who: str, kind: str = "permit", end: str = "", status: str = "active", by: str = "Patient/yann"
) -> Resource:
    """A Consent that opens (or blocks) Yann's record for one of `PEOPLE`."""
    period = {"start": "2026-03-02T09:00:00Z", **({"end": end} if end else {})}
    actor = {"role": {"text": PEOPLE[who][3]}, "reference": ref("Practitioner", who, name(who))}
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": status,
        "patient": ref("Patient", "yann", "Yann Le Goff"),
        "performer": [{"reference": by}],
        "provision": {"type": kind, "period": period, "actor": [actor]},
    }


def audit(id_: str, who: str, at: str, what: list[str], **more: Any) -> Resource:
    """An AuditEvent: one of `PEOPLE` (or the patient) looked at `what`."""
    known = PEOPLE.get(who)
    agent = {
        "requestor": True,
        "who": ref("Practitioner", who, name(who)) if known else ref("Patient", "yann", "Yann Le Goff"),
        "role": [{"text": known[3]}] if known else [],
        "purposeOfUse": [{"coding": [{"code": more.pop("purpose", "TREAT" if known else "PATRQT")}]}],
    }
    place = [{"requestor": False, "who": ref("Organization", f"org-{who}", known[4])}] if known else []
    return {
        "resourceType": "AuditEvent",
        "id": id_,
        "action": "R",
        "outcome": "0",
        "recorded": at,
        "agent": [agent, *place],
        "entity": [{"what": {"reference": w}} for w in what],
        **more,
    }


def audits() -> list[Resource]:
    """Who looked at Yann's record."""
    return [
        audit(
            "a1", "morvan", "2026-11-21T16:40:00Z", ["DocumentReference/sortie", "MedicationRequest/apixaban"]
        ),
        audit("a2", "morvan", "2026-11-21T16:12:00Z", ["Patient/yann"]),
        audit("a3", "legall", "2026-11-18T17:05:00Z", ["MedicationRequest/apixaban"]),
        audit("a4", "yann", "2026-11-21T18:00:00Z", ["DocumentReference/sortie"]),
        audit(
            "a5",
            "tanguy",
            "2026-11-13T02:20:00Z",
            ["AllergyIntolerance/peni", "DocumentReference/vsm", "DocumentReference/echo"],
            purpose="ETREAT",
        ),
        audit("a6", "lebras", "2026-11-12T09:31:00Z", ["DocumentReference"], outcome="8"),
    ]


def around() -> list[Resource]:
    """Care team, relative, history, stays, dispensing, allergy, a task."""
    yann = ref("Patient", "yann")
    return [
        {
            "resourceType": "CareTeam",
            "id": "team",
            "status": "active",
            "subject": yann,
            "participant": [
                {
                    "member": ref("Practitioner", "morvan", name("morvan")),
                    "role": [{"text": "Médecin traitant"}],
                },
                {"member": ref("Practitioner", "kerjean", name("kerjean")), "role": [{"text": "Infirmière"}]},
            ],
        },
        {
            "resourceType": "RelatedPerson",
            "id": "gaelle",
            "patient": yann,
            "name": [{"family": "LE GOFF", "given": ["Gaëlle"]}],
            "relationship": [{"text": "Fille"}],
        },
        {
            "resourceType": "Condition",
            "id": "ic",
            "subject": yann,
            "code": {"text": "Insuffisance cardiaque"},
            "onsetDateTime": "2021-04",
        },
        {
            "resourceType": "Condition",
            "id": "fa",
            "subject": yann,
            "code": {"text": "Fibrillation atriale"},
            "onsetDateTime": "2019",
        },
        {
            "resourceType": "Condition",
            "id": "hanche",
            "subject": yann,
            "code": {"text": "Prothèse de hanche droite"},
            "onsetDateTime": "2016-09-01",
        },
        {
            "resourceType": "AllergyIntolerance",
            "id": "peni",
            "patient": yann,
            "criticality": "high",
            "code": {"text": "Pénicilline"},
            "onsetDateTime": "2011",
            "reaction": [{"manifestation": [{"text": "choc"}]}],
        },
        {
            "resourceType": "Encounter",
            "id": "sejour",
            "status": "finished",
            "class": {"code": "IMP"},
            "subject": yann,
            "period": {"start": "2026-11-13", "end": "2026-11-18"},
            "serviceProvider": {"display": "CHU de Rennes"},
            "reasonCode": [{"text": "Décompensation cardiaque"}],
        },
        {
            "resourceType": "Encounter",
            "id": "visite",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": yann,
            "period": {"start": "2026-09-03"},
            "participant": [{"individual": ref("Practitioner", "morvan", name("morvan"))}],
        },
        *(
            {
                "resourceType": "MedicationDispense",
                "id": f"d-{m}",
                "status": "completed",
                "subject": yann,
                "whenHandedOver": "2026-11-18",
                "medicationCodeableConcept": {"text": m},
                "performer": [{"actor": {"display": "Pharmacie du Port"}}],
            }
            for m in ("apixaban", "bisoprolol", "furosémide")
        ),
        {
            "resourceType": "Task",
            "id": "grippe",
            "status": "requested",
            "intent": "proposal",
            "for": yann,
            "description": "Votre vaccin contre la grippe",
            "requester": {"display": "Dr Anne Morvan"},
            "reasonCode": {
                "text": "Il protège deux semaines après l'injection. Pris en charge à 100 %, sans "
                "ordonnance, en pharmacie ou chez votre infirmière."
            },
        },
        consent("c1", "morvan"),
        consent("c2", "kerjean", end="2027-01-15T00:00:00Z"),
        consent("c3", "legall", end="2026-12-18T00:00:00Z", by="Practitioner/legall"),
        consent("c4", "lebras", kind="deny"),
        consent("c5", "tanguy", end="2026-11-19T00:00:00Z"),
    ]


def everything() -> list[Resource]:
    """The whole story."""
    return [
        YANN,
        LEO,
        NOLWENN,
        EMPTY,
        *directory(),
        *documents(),
        *treatments(),
        *weights(),
        *audits(),
        *around(),
    ]


CDA = """<h2>Motif</h2>
<p>Décompensation cardiaque globale sur insuffisance cardiaque connue, FEVG à 38 %.</p>
<h2>Évolution</h2>
<p>Bonne réponse aux diurétiques intraveineux, perte de 4,1 kg en cinq jours. Retour à domicile avec
furosémide à 40 mg le matin.</p>
<h2>Biologie de sortie</h2>
<table><thead><tr><th>Examen</th><th>Résultat</th><th>Unité</th></tr></thead>
<tbody><tr><td>BNP</td><td>412</td><td>ng/L</td></tr>
<tr><td>Kaliémie</td><td>4,1</td><td>mmol/L</td></tr>
<tr><td>Créatinine</td><td>98</td><td>µmol/L</td></tr></tbody></table>
<h2>À faire</h2>
<ul><li>Contrôle de la kaliémie à 10 jours</li><li>Pesée chaque matin, appeler au-delà de 80 kg</li>
<li>Consultation de cardiologie dans un mois</li></ul>"""
