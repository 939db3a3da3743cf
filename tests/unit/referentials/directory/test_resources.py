"""Lines turned into resources as the Annuaire examples write them."""

from __future__ import annotations

import json
import re

import pytest

from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.referentials.directory import SERVICE, api, resources
from aubier.referentials.directory.extraction.extract import Degree, Skill
from aubier.search.custom import with_custom
from aubier.search.extract import extract
from aubier.search.parameters import registry
from tests.unit.referentials.directory.lines import activity, line, row
from tests.where import SHARED

HOSPITAL = {
    "numero_finess_site": "580008803",
    "numero_finess_etablissement": "950046227",
    "numero_siret": "26250462400012",
    "identifiant_technique": "F580008803",
    "raison": "CH DES GRANDS LACS",
    "enseigne": "MAISON DES LACS",
    "numero_voie": "2",
    "indice": "BIS",
    "code_type_de_voie": "FG",
    "libelle_type_de_voie": "Faubourg",
    "libelle_voie": "SAINT ETIENNE",
    "mention": "CS 10329",
    "bureau": "25304 PONTARLIER CEDEX",
    "code_postal": "25304",
    "code_commune": "25462",
    "libelle_commune": "Pontarlier",
    "code_pays": "99100",
    "telephone_(coord.": "0381385454",
    "telecopie": "0381385480",
    "adresse_e": "contact@ch.example",
    "code_departement": "25",
    "ancien": "1580008803",
    "autorite": "CNOM/CNOM/ARS",
    "code_secteur": "SA01",
    "libelle_secteur": "Etablissement Public de santé",
    "code_mode": "S",
    "code_role": "FON-04",
    "libelle_role": "Salarié",
    "code_genre": "GENR01",
}


def skill(**more: str) -> Skill:
    found = row(
        line("SavoirFaire", identification="810000000009", nom="LE GOFF", code_profession="10", **more),
        "SavoirFaire",
    )
    assert isinstance(found, Skill)
    return found


def degree(**more: str) -> Degree:
    text = line("Dipl_AutExerc", identification="810000000009", nom="LE GOFF", **more)
    found = row(text, "Dipl_AutExerc")
    assert isinstance(found, Degree)
    return found


def published(name: str) -> Resource:
    file = SHARED / "fixtures/annuaire-1.2.0-snapshot/examples" / f"{name}.json"
    loaded: Resource = json.loads(file.read_text())
    return loaded


def codes(resource: Resource, element: str = "qualification") -> list[list[str]]:
    return [[c["code"] for c in (q.get("code") or q)["coding"]] for q in resource.get(element, [])]


def test_a_practitioner_says_what_the_published_example_says() -> None:
    made = resources.practitioner(
        [activity(**HOSPITAL)], [], [degree(code_type_diplome="DE", code_diplome="DE05")]
    )
    example = published("Practitioner-334081DP")
    assert {i["system"] for i in made["identifier"]} == {i["system"] for i in example["identifier"]}
    assert [i["type"] for i in made["identifier"]] == [i["type"] for i in example["identifier"]]
    assert [sorted(c["system"] for c in q["code"]["coding"]) for q in made["qualification"][:2]] == [
        sorted(c["system"] for c in q["code"]["coding"]) for q in example["qualification"]
    ]
    assert codes(made)[:2] == [["DE05", "DE"], ["10", "C"]]
    assert set(example) - set(made) == {"telecom"} and made["language"] == "fr" and made["active"] is True
    assert made["name"] == [
        {"use": "usual", "family": "LE GOFF", "given": ["YANN"], "prefix": ["M"], "suffix": ["DR"]}
    ]


def test_a_role_says_what_the_published_example_says() -> None:
    made = resources.roles([activity(**HOSPITAL)])[0]
    example = published("PractitionerRole-1738459DP")
    assert [c["coding"][0]["system"] for c in made["code"]] == [
        c["coding"][0]["system"] for c in example["code"]
    ]
    assert codes(made, "code") == [["GENR01"], ["S"], ["FON-04"]]
    assert (
        made["practitioner"]["reference"]
        == f"Practitioner/{resources.directory_id('Practitioner', '810000000009')}"
    )
    assert (
        made["organization"]["reference"]
        == f"Organization/{resources.directory_id('Organization', '1580008803')}"
    )


def test_an_organization_says_what_the_published_example_says() -> None:
    made = resources.organization(activity(**HOSPITAL))
    example = published("Organization-481677DP")
    assert made is not None
    assert [t["extension"] for t in made["type"]] == [t["extension"] for t in example["type"]]
    assert [t["coding"][0]["system"] for t in made["type"]] == [
        t["coding"][0]["system"] for t in example["type"]
    ]
    assert {(i["system"], i["type"]["coding"][0]["code"], i["value"]) for i in made["identifier"]} == {
        (api.IDNST, "IDNST", "1580008803"),
        (api.FINESS, "FINEG", "580008803"),
        (api.SIRENE, "SIRET", "26250462400012"),
        ("https://rppsrang.esante.gouv.fr", "RPPSRG", "F580008803"),
    }
    assert (made["name"], made["alias"]) == ("CH DES GRANDS LACS", ["MAISON DES LACS"])
    assert [(t["system"], t["value"]) for t in made["telecom"]] == [
        ("phone", "0381385454"),
        ("fax", "0381385480"),
        ("email", "contact@ch.example"),
    ]
    assert made["partOf"]["identifier"]["value"] == "950046227"


def test_an_address_has_its_lines_and_their_parts() -> None:
    made = resources.organization(activity(**HOSPITAL))
    assert made is not None
    address = made["address"][0]
    assert address["line"] == ["2 BIS Faubourg SAINT ETIENNE", "CS 10329"]
    parts = {e["url"].rsplit("-", 1)[1]: e["valueString"] for e in address["_line"][0]["extension"]}
    assert parts == {
        "houseNumber": "2",
        "buildingNumberSuffix": "BIS",
        "streetNameType": "FG",
        "streetNameBase": "SAINT ETIENNE",
    }
    assert address["_line"][1] is None
    assert (address["city"], address["postalCode"], address["district"]) == ("Pontarlier", "25304", "25")
    assert address["extension"][0]["valueCoding"]["code"] == "25462"


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({"ancien": "1580008803", "numero_finess_site": "950046227"}, "1580008803"),
        ({"numero_finess_site": "950046227", "numero_siret": "26250462400012"}, "1950046227"),
        ({"numero_siret": "26250462400012", "numero_siren": "262504624"}, "326250462400012"),
        ({"numero_siren": "262504624", "identifiant_technique": "R1"}, "2262504624"),
        ({"identifiant_technique": "10005531586003"}, "410005531586003"),
        ({}, ""),
    ],
)
def test_the_best_identifier_of_a_structure_wins(cells: dict[str, str], key: str) -> None:
    found = activity(**cells)
    assert resources.structure_key(found) == key
    made = resources.organization(found)
    assert (made["identifier"][0]["value"] if made else "") == key


def test_a_line_without_activity_makes_no_role() -> None:
    assert resources.roles([activity()]) == []
    assert len(resources.roles([activity(code_mode="L")])) == 1


def test_same_situation_once_and_different_ones_apart() -> None:
    twice = [activity(**HOSPITAL), activity(**{**HOSPITAL, "code_savoir": "SM53"})]
    assert len(resources.roles(twice)) == 1
    assert codes(resources.practitioner(twice, [], [])) == [["10", "C"], ["S", "SM54"], ["S", "SM53"]]
    other = [activity(**HOSPITAL), activity(**{**HOSPITAL, "code_mode": "L"})]
    assert len({r["id"] for r in resources.roles(other)}) == 2


@pytest.mark.parametrize(
    ("kind", "system"),
    [
        ("S", "TRE_R38-SpecialiteOrdinale"),
        ("C", "TRE_R39-Competence"),
        ("CEX", "TRE_R40-CompetenceExclusive"),
        ("DNQ", "TRE_R42-DESCnonQualifiant"),
        ("CAPA", "TRE_R43-CapaciteSavoirFaire"),
        ("PAC", "TRE_R44-QualificationPAC"),
        ("FQ", "TRE_R45-FonctionQualifiee"),
        ("DEC", "TRE_R97-DroitExerciceCompl"),
        ("OP", "TRE_G13-OrientationParticuliere"),
    ],
)
def test_each_kind_of_skill_has_its_code_system(kind: str, system: str) -> None:
    made = resources.practitioner([], [skill(code_type_savoir=kind, code_savoir="X1")], [])
    assert system in made["qualification"][1]["code"]["coding"][1]["system"]


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("10", "G15-ProfessionSante"),
        ("93", "R95-UsagerTitre"),
        ("41", "R94-ProfessionSocial"),
        ("99", "R291-AutreProfession"),
    ],
)
def test_each_profession_has_its_code_system(code: str, system: str) -> None:
    assert system in resources.profession_system(code)


def test_every_published_profession_is_a_health_profession() -> None:
    file = SHARED / "fixtures/nos-terminologies/CodeSystem-TRE-G15-ProfessionSante.json"
    published_system = json.loads(file.read_text())
    assert {resources.profession_system(c["code"]) for c in published_system["concept"]} == {
        published_system["url"]
    }


def test_a_secure_mailbox_goes_with_the_person_and_not_the_structure() -> None:
    found = activity(**{**HOSPITAL, "adresse_e": "yann@pro.mssante.fr"})
    structure = resources.organization(found)
    for made in (resources.practitioner([found], [], []), resources.roles([found])[0]):
        assert api.mailboxes(made) == ["yann@pro.mssante.fr"]
        assert (
            made["telecom"][0]["extension"] == published("Practitioner-334081DP")["telecom"][0]["extension"]
        )
    assert structure is not None and api.mailboxes(structure) == []


def test_adeli_and_local_professionals() -> None:
    local = activity(
        identification="3750100125/1453", type_d_identifiant="3", identifiant_pp="750100125/1453"
    )
    adeli = activity(identification="0299312345", type_d_identifiant="0", identifiant_pp="299312345")
    made = [
        [i["type"]["coding"][0]["code"] for i in resources.practitioner([p], [], [])["identifier"]]
        for p in (local, adeli)
    ]
    assert made == [["IDNPS"], ["IDNPS", "ADELI"]]


def test_ids_are_valid_stable_and_apart() -> None:
    first = resources.directory_id("Practitioner", "810000000009")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert first == "27812dc9-6a8e-561c-aa70-ab780ac64831"
    others = {
        resources.directory_id("Organization", "810000000009"),
        resources.directory_id("Practitioner", "81", "0000000008"),
    }
    assert len({first, *others}) == 3


def every_resource() -> list[Resource]:
    found = activity(**{**HOSPITAL, "adresse_e": "yann@pro.mssante.fr"})
    organization = resources.organization(found)
    assert organization is not None
    return [resources.practitioner([found], [], []), *resources.roles([found]), organization]


def test_resources_are_plain_json() -> None:
    for made in every_resource():
        assert fhir_json.parse(fhir_json.dumps(made)) == made


def test_the_search_parameters_compile_beside_the_base_ones() -> None:
    found = with_custom(registry(), SERVICE.search_parameters)
    for code, kinds in {
        "mailbox-mss": ("Practitioner", "PractitionerRole", "Organization"),
        "identifier-type": ("Practitioner", "Organization"),
        "qualification-code": ("Practitioner",),
        "data-registration-authority": ("HealthcareService", "Device", "Practitioner"),
        "address-insee": ("Organization",),
    }.items():
        assert all(found.get(kind, code) is not None for kind in kinds)


def test_every_parameter_of_the_published_capability_is_there() -> None:
    folder = SHARED / "fixtures/annuaire-1.2.0-snapshot/conformance"
    statement = json.loads((folder / "CapabilityStatement-AsServerDPCapabilityStatement.json").read_text())
    found = with_custom(registry(), SERVICE.search_parameters)
    lacking = [
        (resource["type"], parameter["name"])
        for resource in statement["rest"][0]["resource"]
        for parameter in resource.get("searchParam", ())
        if found.get(resource["type"], parameter["name"]) is None
    ]
    assert lacking == []


def test_published_canonicals_are_kept() -> None:
    folder = SHARED / "fixtures/annuaire-1.2.0-snapshot/conformance"
    published_rows = [json.loads(p.read_text()) for p in folder.glob("SearchParameter-*.json")]
    ours = {p["url"]: p["code"] for p in SERVICE.search_parameters}
    assert {p["url"]: p["code"] for p in published_rows}.items() <= ours.items()
    assert extract(every_resource()[0]).present >= {"identifier", "name", "active"}
