"""About three hundred resources that differ wherever a search may look, from one seed."""

from decimal import Decimal
from random import Random
from typing import Any

Resource = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
LOCAL = "urn:corpus:codes"
MRN = "urn:corpus:mrn"
FAMILIES = ("Le Goff", "LE GALL", "Œuvrard", "Müller", "d'Aubigné", "Leclerc", "Étienne", "Kerjean", "legoff")
GIVENS = ("Zoé", "Jean-Luc", "Anne", "Maël", "ANNA", "François", "Inès", "Noël")
CITIES = ("Rennes", "Saint-Malo", "Brest", "SAINT-BRIEUC", "Lorient", "Île-de-Sein")
DAYS = (
    "1950",
    "1950-03",
    "1950-03-31",
    "1987-12-31",
    "1988",
    "1988-02-29",
    "2000-01",
    "2001-01-01",
    "2015-06-15",
)
MOMENTS = (
    "2024",
    "2025",
    "2024-02",
    "2024-12",
    "2024-02-29",
    "2024-03-01",
    "2024-12-31",
    "2024-12-31T23:30:00-01:00",
    "2025-01-01T00:30:00+01:00",
    "2025-01-01T00:30:00Z",
    "2024-06-15T10:00:00Z",
    "2024-06-15T12:00:00+02:00",
    "2024-06-15T10:00:00.250Z",
    "2024-06-15T10:00:01-03:30",
    "2026-11-01",
    "2027-05-05",
)
INSTANTS = tuple(m for m in MOMENTS if len(m) > 16)
NUMBERS = ("5", "5.0", "5.00", "5.4", "5.40", "5.44", "4.99", "-3", "0", "100", "1E+2", "0.001", "7.25")
UNITS = (
    {"unit": "mg", "system": UCUM, "code": "mg"},
    {"unit": "mmol/L", "system": UCUM, "code": "mmol/L"},
    {"unit": "mg", "system": "urn:corpus:units", "code": "mg"},
    {"unit": "mg"},
    {},
)
CODES = (
    ("8480-6", LOINC),
    ("8462-4", LOINC),
    ("8480-6", LOCAL),
    ("glu", LOCAL),
    ("solo", ""),
    ("a,b|c", LOCAL),
)
WORDS = ("Tension artérielle", "glycémie à jeun", "Tension oculaire", "Note libre")
PATIENTS, PRACTITIONERS, ORGANIZATIONS, ENCOUNTERS = 30, 10, 8, 25
START = 1_790_000_000_000


def make(seed: int = 11) -> list[Resource]:
    """The resources, those that others name first."""
    at = Random(seed)
    made = [_organization(at, n) for n in range(ORGANIZATIONS)]
    made += [_practitioner(at, n) for n in range(PRACTITIONERS)]
    made += [_role(at, n) for n in range(12)]
    made += [_patient(at, n) for n in range(PATIENTS)]
    made += [_encounter(at, n) for n in range(ENCOUNTERS)]
    made += [_observation(at, n) for n in range(100)]
    made += [_condition(at, n) for n in range(40)]
    made += [_document(at, n) for n in range(35)]
    made += [_risk(at, n) for n in range(20)]
    made += [_value_set(at, n) for n in range(20)]
    made += [_location(at, n) for n in range(20)]
    apart = Random(seed + 1)
    for resource in made:
        _further(apart, resource)
    apart = Random(seed + 2)
    for resource in made:
        _contain(apart, resource)
    return [_sparse(r) for r in made]


def _sparse(resource: Resource) -> Resource:
    """Without what is None or empty: absence is a value too, for `:missing`."""
    return {k: v for k, v in resource.items() if v not in (None, [], {}, "")}


def _maybe(at: Random, value: Any, chance: float = 0.6) -> Any:
    return value if at.random() < chance else None


def _meta(at: Random, kind: str) -> Resource:
    tags = [{"system": LOCAL, "code": c} for c in at.sample(("red", "blue", "green"), at.randrange(3))]
    secured = (
        [{"system": "urn:corpus:security", "code": at.choice(("one", "two"))}] if at.random() < 0.4 else []
    )
    profiles = [f"https://corpus.test/fhir/StructureDefinition/{kind}-{at.choice('ab')}"]
    return _sparse(
        {
            "source": _maybe(at, f"https://corpus.test/source/{at.choice(('x', 'x/y', 'z'))}", 0.5),
            "profile": _maybe(at, profiles, 0.5),
            "security": secured,
            "tag": tags,
        }
    )


def _base(at: Random, kind: str, logical: str) -> Resource:
    return {"resourceType": kind, "id": logical, "meta": _meta(at, kind)}


def _identifier(at: Random, logical: str) -> list[Resource]:
    systems = at.sample((MRN, "urn:corpus:other"), at.randrange(3))
    found: list[Resource] = [{"system": s, "value": logical.upper()} for s in systems]
    return found + ([{"value": f"bare-{logical}"}] if at.random() < 0.3 else [])


def _names(at: Random) -> list[Resource]:
    return [
        {"family": at.choice(FAMILIES), "given": at.sample(GIVENS, at.choice((1, 1, 2)))}
        for _ in range(at.choice((1, 1, 1, 2)))
    ]


def _concept(at: Random, *, words: bool = True) -> Resource:
    codings = []
    for code, system in at.sample(CODES, at.choice((1, 1, 2))):
        codings.append(
            _sparse({"system": system, "code": code, "display": _maybe(at, at.choice(WORDS), 0.4)})
        )
    return _sparse({"coding": codings, "text": _maybe(at, at.choice(WORDS), 0.3) if words else None})


def _quantity(at: Random) -> Resource:
    found = {"value": Decimal(at.choice(NUMBERS)), **at.choice(UNITS)}
    return found | ({"comparator": at.choice(("<", "<=", ">", ">="))} if at.random() < 0.2 else {})


def _period(at: Random) -> Resource:
    start, end = sorted(at.sample(("2023", "2024-02-29", "2024-06", "2025-01-02T08:00:00+01:00", "2026"), 2))
    return {"start": start, "end": end} if at.random() < 0.5 else at.choice(({"start": start}, {"end": end}))


def _one(at: Random, kind: str, most: int) -> Resource:
    prefix = {"Patient": "p", "Practitioner": "pr", "Organization": "o", "Encounter": "e"}[kind]
    return {"reference": f"{kind}/{prefix}{at.randrange(most)}"}


def _performer(at: Random) -> Resource:
    return at.choice(
        (
            _one(at, "Practitioner", PRACTITIONERS),
            _one(at, "Organization", ORGANIZATIONS),
            {"reference": f"PractitionerRole/r{at.randrange(12)}"},
            {"reference": "https://elsewhere.test/fhir/Practitioner/far"},
        )
    )


def _organization(at: Random, n: int) -> Resource:
    return _base(at, "Organization", f"o{n}") | {
        "identifier": _identifier(at, f"o{n}"),
        "active": at.choice((True, False, None)),
        "name": f"Clinique {at.choice(CITIES)}",
        "address": [{"city": at.choice(CITIES)}],
        "partOf": _one(at, "Organization", n) if n and at.random() < 0.6 else None,
    }


def _practitioner(at: Random, n: int) -> Resource:
    return _base(at, "Practitioner", f"pr{n}") | {
        "identifier": _identifier(at, f"pr{n}"),
        "active": at.choice((True, False, None)),
        "name": _names(at),
        "gender": _maybe(at, at.choice(("male", "female"))),
    }


def _role(at: Random, n: int) -> Resource:
    return _base(at, "PractitionerRole", f"r{n}") | {
        "practitioner": _maybe(at, _one(at, "Practitioner", PRACTITIONERS), 0.9),
        "organization": _maybe(at, _one(at, "Organization", ORGANIZATIONS), 0.8),
        "code": [_concept(at)],
        "period": _maybe(at, _period(at)),
    }


def _patient(at: Random, n: int) -> Resource:
    return _base(at, "Patient", f"p{n}") | {
        "identifier": _identifier(at, f"p{n}"),
        "active": at.choice((True, False, None)),
        "name": _maybe(at, _names(at), 0.9),
        "telecom": _maybe(at, [{"system": at.choice(("phone", "email")), "value": f"tel-{at.randrange(4)}"}]),
        "gender": _maybe(at, at.choice(("male", "female", "other")), 0.8),
        "birthDate": _maybe(at, at.choice(DAYS), 0.8),
        "deceasedDateTime": _maybe(at, at.choice(MOMENTS), 0.2),
        "address": _maybe(
            at, [{"city": at.choice(CITIES), "postalCode": at.choice(("35000", "35400", "29200"))}]
        ),
        "generalPractitioner": _maybe(at, [_performer(at)], 0.5),
        "managingOrganization": _maybe(at, _one(at, "Organization", ORGANIZATIONS), 0.5),
    }


def _encounter(at: Random, n: int) -> Resource:
    return _base(at, "Encounter", f"e{n}") | {
        "identifier": _identifier(at, f"e{n}"),
        "status": at.choice(("planned", "in-progress", "finished")),
        "class": {"system": LOCAL, "code": at.choice(("AMB", "IMP", "EMER"))},
        "subject": _one(at, "Patient", PATIENTS),
        "participant": _maybe(at, [{"individual": _one(at, "Practitioner", PRACTITIONERS)}], 0.7),
        "period": _maybe(at, _period(at), 0.8),
        "length": _maybe(at, {"value": at.randrange(1, 9), "unit": "h", "system": UCUM, "code": "h"}),
        "serviceProvider": _maybe(at, _one(at, "Organization", ORGANIZATIONS)),
    }


def _observation(at: Random, n: int) -> Resource:
    effective = at.choice(
        (
            {"effectiveDateTime": at.choice(MOMENTS)},
            {"effectiveDateTime": at.choice(MOMENTS)},
            {"effectivePeriod": _period(at)},
            {"effectiveInstant": at.choice(INSTANTS)},
            {},
        )
    )
    value = at.choice(
        (
            {"valueQuantity": _quantity(at)},
            {"valueQuantity": _quantity(at)},
            {"valueCodeableConcept": _concept(at)},
            {"valueString": at.choice(WORDS)},
            {},
        )
    )
    component = [
        {"code": _concept(at), "valueQuantity": _quantity(at)} for _ in range(at.choice((0, 0, 1, 2)))
    ]
    return (
        _base(at, "Observation", f"ob{n}")
        | effective
        | value
        | {
            "identifier": _identifier(at, f"ob{n}"),
            "status": at.choice(("final", "preliminary", "amended")),
            "category": _maybe(at, [_concept(at)], 0.5),
            "code": _concept(at),
            "subject": _one(at, "Patient", PATIENTS),
            "encounter": _maybe(at, _one(at, "Encounter", ENCOUNTERS), 0.3),
            "performer": _maybe(at, [_performer(at) for _ in range(at.choice((1, 1, 2)))], 0.6),
            "component": component,
        }
    )


def _condition(at: Random, n: int) -> Resource:
    years = {"value": at.randrange(20, 90), "unit": "a", "system": UCUM, "code": "a"}
    onset = at.choice(
        (
            {"onsetDateTime": at.choice(MOMENTS)},
            {"onsetPeriod": _period(at)},
            {"onsetAge": years},
            {"onsetString": at.choice(WORDS)},
            {},
        )
    )
    active = {
        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
        "code": at.choice(("active", "remission", "resolved")),
    }
    return (
        _base(at, "Condition", f"c{n}")
        | onset
        | {
            "clinicalStatus": {"coding": [active]},
            "code": _maybe(at, _concept(at), 0.9),
            "subject": _one(at, "Patient", PATIENTS),
            "encounter": _maybe(at, _one(at, "Encounter", ENCOUNTERS), 0.4),
            "recordedDate": _maybe(at, at.choice(MOMENTS)),
            "asserter": _maybe(at, _one(at, "Practitioner", PRACTITIONERS)),
        }
    )


def _document(at: Random, n: int) -> Resource:
    author = at.choice((_one(at, "Practitioner", PRACTITIONERS), _one(at, "Organization", ORGANIZATIONS)))
    place = at.choice(("https://corpus.test/doc", "https://corpus.test/doc/a", "https://corpus.test/doc/a/b"))
    return _base(at, "DocumentReference", f"d{n}") | {
        "identifier": _identifier(at, f"d{n}"),
        "status": at.choice(("current", "superseded")),
        "type": _maybe(at, _concept(at), 0.8),
        "category": _maybe(at, [_concept(at)], 0.5),
        "subject": _one(at, "Patient", PATIENTS),
        "date": _maybe(at, at.choice(INSTANTS), 0.8),
        "author": [author],
        "description": _maybe(at, at.choice(WORDS), 0.7),
        "content": [
            {"attachment": {"contentType": at.choice(("text/plain", "application/pdf")), "url": place}}
        ],
        "context": _maybe(at, {"period": _period(at)}, 0.5),
    }


def _risk(at: Random, n: int) -> Resource:
    likely = at.choice(("0.5", "0.50", "0.05", "0.4", "1", "0.499"))
    return _base(at, "RiskAssessment", f"ra{n}") | {
        "status": "final",
        "subject": _one(at, "Patient", PATIENTS),
        "prediction": _maybe(at, [{"probabilityDecimal": Decimal(likely)}], 0.9),
        "occurrenceDateTime": at.choice(MOMENTS),
    }


def _location(at: Random, n: int) -> Resource:
    """Around Rennes, and where longitudes meet."""
    east = at.choice((-1.68, -1.7, -2.0, 179.99, -179.99))
    place = {
        "latitude": Decimal(str(round(48.1 + at.uniform(-1, 1) ** 3, 4))),
        "longitude": Decimal(str(round(east + at.uniform(-0.01, 0.01), 4))),
    }
    return _base(at, "Location", f"l{n}") | {
        "name": f"Site {at.choice(CITIES)}",
        "status": at.choice(("active", "suspended")),
        "position": _maybe(at, place, 0.9),
    }


CODE_SETS = {
    "urn:corpus:vs:pressure": [(LOINC, "8480-6"), (LOINC, "8462-4")],
    "urn:corpus:vs:mixed": [(LOCAL, "glu"), (LOINC, "8480-6"), ("", "solo"), ("urn:own", "final")],
    "urn:corpus:vs:states": [("urn:own", c) for c in ("final", "male", "active", "finished", "draft")],
    "urn:corpus:vs:nothing": [],
}
"""Value sets that questions name."""
BROADER = {
    (LOINC, "8480-6"): (LOINC, "8462-4"),
    (LOCAL, "8480-6"): (LOCAL, "glu"),
    (LOCAL, "glu"): (LOCAL, "a,b|c"),
}
"""What each code is a kind of."""
KINDS_OF_NUMBER = (
    {"coding": [{"system": "urn:corpus:types", "code": "MR"}], "text": "Numéro de dossier"},
    {"coding": [{"system": "urn:corpus:types", "code": "NH"}, {"code": "MR"}]},
    {"text": "Numéro de sécurité"},
)


def _further(at: Random, resource: Resource) -> None:
    """The types of identifiers; what composites look at, where nothing else stands."""
    kind = resource["resourceType"]
    for identifier in resource.get("identifier", []):
        if at.random() < 0.7:
            identifier["type"] = at.choice(KINDS_OF_NUMBER)
    if kind == "Observation" and not any(k.startswith("value") for k in resource):
        resource |= at.choice(({}, {"valueDateTime": at.choice(MOMENTS)}, {"valuePeriod": _period(at)}))
    if kind == "DocumentReference" and at.random() < 0.5:
        ways = at.sample(("replaces", "transforms", "signs"), at.choice((1, 2)))
        resource["relatesTo"] = [
            {"code": way, "target": {"reference": f"DocumentReference/d{at.randrange(35)}"}} for way in ways
        ]


def _contain(at: Random, resource: Resource) -> None:
    """Whoever did it, or the place where, stands inside the resource itself, a third of the times."""
    named = _CONTAINING.get(resource["resourceType"])
    if named is None or at.random() > 1 / 3:
        return
    element, repeats, kind = named[at.randrange(len(named))]
    inside: list[Resource] = []
    here = {"reference": _put_inside(at, inside, kind)}
    if kind == "Practitioner" and element == "participant":
        here = {"individual": here}
    resource[element] = [*(resource.get(element) or []), here] if repeats else here
    resource["contained"] = inside


def _put_inside(at: Random, inside: list[Resource], kind: str) -> str:
    """How one more contained resource, with those that it names in turn, is called."""
    number = len(inside)
    made = _sparse(_MAKERS[kind](at, number))
    # What is contained has no labels of its own (dom-5).
    meta = _sparse({**made.get("meta", {}), "security": None})
    made = _sparse({**made, "id": f"in{number}", "meta": meta})
    inside.append(made)
    beyond = {
        "PractitionerRole": ("practitioner", "Practitioner"),
        "Encounter": ("serviceProvider", "Organization"),
    }
    if kind in beyond and at.random() < 0.5:
        element, target = beyond[kind]
        made[element] = {"reference": _put_inside(at, inside, target)}
    return f"#in{number}"


_MAKERS = {
    "Practitioner": _practitioner,
    "PractitionerRole": _role,
    "Organization": _organization,
    "Encounter": _encounter,
}
_CONTAINING = {
    "PractitionerRole": (("practitioner", False, "Practitioner"), ("organization", False, "Organization")),
    "Patient": (
        ("generalPractitioner", True, "Practitioner"),
        ("generalPractitioner", True, "PractitionerRole"),
        ("managingOrganization", False, "Organization"),
    ),
    "Encounter": (("participant", True, "Practitioner"), ("serviceProvider", False, "Organization")),
    "Observation": (
        ("performer", True, "Practitioner"),
        ("performer", True, "PractitionerRole"),
        ("encounter", False, "Encounter"),
    ),
    "Condition": (("asserter", False, "Practitioner"), ("encounter", False, "Encounter")),
    "DocumentReference": (("author", True, "Organization"), ("author", True, "Practitioner")),
}
"""The elements in which a type names what it contains; whether they repeat; of which type that is."""


def _value_set(at: Random, n: int) -> Resource:
    url = at.choice(
        ("https://corpus.test/vs", "https://corpus.test/vs/a", "https://corpus.test/vs/a/b", "urn:oid:1.2.3")
    )
    return _base(at, "ValueSet", f"vs{n}") | {
        "url": url if url.startswith("urn") else f"{url}{at.choice(('', '/c', 'x'))}",
        "version": _maybe(at, at.choice(("1.0", "2.0"))),
        "name": _maybe(at, at.choice(("Alpha", "alphaBeta", "Gamma"))),
        "title": _maybe(at, at.choice(WORDS)),
        "status": at.choice(("draft", "active")),
        "date": _maybe(at, at.choice(MOMENTS), 0.8),
        "description": _maybe(at, at.choice(WORDS), 0.5),
    }
