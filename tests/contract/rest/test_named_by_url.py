"""What is named by a URL is found: below our own base, by a canonical URL of any version, or of one."""

from typing import Any

import pytest

from tests.contract.rest.conftest import BASE, Api, places
from tests.contract.rest.test_interactions import patient, valid

HERE = f"{BASE}/fhir"
FORM = "http://forms.example/gait"


def said(subject: str, tag: str, **parts: Any) -> dict[str, Any]:
    """An Observation of `subject`, found by a tag of the test's own."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "meta": {"tag": [{"system": "urn:t", "code": tag}]},
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **parts,
    }


async def found(api: Api, path: str, mode: str = "match") -> set[str]:
    bundle = valid(await api.get(path))
    return {e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode}


async def test_an_absolute_reference_of_ours_and_a_relative_one_find_the_same(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.12."""
    who = f"Patient/{await api.make(patient('absolute'))}"
    spellings = [who, f"{HERE}/{who}", f"{who}/_history/1", f"{HERE}/{who}/_history/1"]
    made = {await api.make(said(subject, "own")) for subject in spellings}
    elsewhere = await api.make(said(f"http://other.example/fhir/{who}", "own"))
    for asked in [*spellings, f"http://localhost:8000/fhir/{who}"]:
        assert await found(api, f"Observation?subject={asked}&_tag=own") == made, asked
        assert await found(api, f"Observation?subject={asked},{who}&_tag=own") == made, asked
    assert await found(api, f"Observation?subject=http://other.example/fhir/{who}") == {elsewhere}
    named = await found(api, f"Patient?_has:Observation:subject:subject={HERE}/{who}")
    assert named == {who.partition("/")[2]}


async def forms(api: Api) -> dict[str, str]:
    """Two versions of a form, and answers that name each, any, and one that is not here; ids by name."""
    forms = {
        version: {"resourceType": "Questionnaire", "status": "active", "url": FORM, "version": version}
        for version in ("1.0", "2.0")
    }
    made = {f"form {version}": await api.make(form) for version, form in forms.items()}
    for version in ("1.0", "2.0", "3.0", ""):
        answers = {
            "resourceType": "QuestionnaireResponse",
            "status": "in-progress",
            "questionnaire": f"{FORM}|{version}".rstrip("|"),
        }
        made[version] = await api.make(answers)
    return made


async def test_a_canonical_url_is_found_by_its_version_or_without(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.13."""
    made = await forms(api)
    every = {made[v] for v in ("1.0", "2.0", "3.0", "")}
    asked = "QuestionnaireResponse?questionnaire"
    try:
        assert await found(api, f"{asked}={FORM}") == every
        assert await found(api, f"{asked}={FORM}|2.0") == {made["2.0"]}
        assert await found(api, f"{asked}={FORM}|2") == set()
        assert await found(api, f"{asked}:below={FORM}|2") == {made["2.0"]}
        assert await found(api, f"{asked}:below={FORM}") == every
        assert await found(api, f"{asked}={FORM[:-1]}") == set()
        includes = f"{asked}={FORM}|2.0&_include=QuestionnaireResponse:questionnaire"
        assert await found(api, includes, "include") == {made["form 2.0"]}
        any_of_them = f"QuestionnaireResponse?_id={made['']}&_include=*"
        assert await found(api, any_of_them, "include") == {made["form 1.0"], made["form 2.0"]}
        back = f"Questionnaire?_id={made['form 1.0']}&_revinclude="
        for source in ("QuestionnaireResponse:questionnaire", "*"):
            assert await found(api, back + source, "include") == {made["1.0"], made[""]}
    finally:
        for name, logical in made.items():
            kind = "Questionnaire" if name.startswith("form") else "QuestionnaireResponse"
            await api.ask("DELETE", f"{kind}/{logical}")


async def test_a_profile_of_any_version_is_found_by_its_url(api: Api) -> None:
    url = "http://profiles.example/x"
    profiles = [url, f"{url}|1.0", f"{url}|2.0", f"{url}-other"]
    made = [
        await api.make({"resourceType": "Basic", "meta": {"profile": [p]}, "code": {"text": "x"}})
        for p in profiles
    ]
    assert await found(api, f"Basic?_profile={url}") == set(made[:3])
    assert await found(api, f"Basic?_profile={url}|1.0") == {made[1]}


@pytest.mark.parametrize(
    "asked",
    [
        "QuestionnaireResponse?questionnaire.status=active",
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed",
    ],
)
async def test_a_link_that_is_not_followed_is_refused(api: Api, asked: str) -> None:
    answer = await api.get(asked)
    name = asked.partition("?")[2].partition("=")[0]
    assert (answer.status_code, places(answer)) == (400, [f"http.{name}"])


async def test_a_parameter_without_a_value_says_nothing_and_is_told(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.3."""
    await api.make(said("Patient/none", "blank"))
    for asked in ("Observation?_tag=blank&code=&_count=", "?_type=Observation&_tag=blank&code=&_count="):
        bundle = valid(await api.get(asked))
        assert [e["search"]["mode"] for e in bundle["entry"]] == ["match", "outcome"]
        issues = bundle["entry"][1]["resource"]["issue"]
        assert [i["expression"] for i in issues] == [["http.code"], ["http._count"]]
        assert "code" not in bundle["link"][0]["url"] and "_tag=blank" in bundle["link"][0]["url"]
    strict = {"prefer": "handling=strict"}
    assert (await api.get("Observation?_tag=blank&code=", headers=strict)).status_code == 400
    assert (await api.ask("DELETE", "Observation?_tag=blank&code=")).status_code == 400


async def test_contained_resources_are_not_found_by_themselves_when_not_asked_for(api: Api) -> None:
    logical = await api.make(said("Patient/none", "contained"))
    assert await found(api, "Observation?_tag=contained&_contained=false") == {logical}
    assert (await api.get("Observation?_tag=contained&_contained=true")).status_code == 400


async def test_a_unit_is_found_by_its_code_or_by_its_word(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.11."""
    ucum = "http://unitsofmeasure.org"
    coded = {"value": 120, "unit": "mmHg", "system": ucum, "code": "mm[Hg]"}
    both = await api.make(said("Patient/none", "unit", valueQuantity=coded))
    word = await api.make(said("Patient/none", "unit", valueQuantity={"value": 120, "unit": "mmHg"}))
    wanted = {"||mmHg": {both, word}, "||mm[Hg]": {both}, f"|{ucum}|mm[Hg]": {both}, f"|{ucum}|mmHg": set()}
    for unit, found_by in {**wanted, "||Hg": set(), "||mm": set(), "": {both, word}}.items():
        assert await found(api, f"Observation?_tag=unit&value-quantity=120{unit}") == found_by, unit


async def test_punctuation_says_nothing_in_a_text(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.8."""
    name = [{"family": "L'Hostis-Le Goff", "given": ["Jean-Paul"]}]
    address = [{"line": ["12, rue de la Paix"], "city": "Saint-Étienne"}]
    made = await api.make({"resourceType": "Patient", "name": name, "address": address})
    for asked in (
        "given=jean paul",
        "given=JEAN-PAUL",
        "family=l hostis",
        "family=L’Hostis le",
        "family:contains=hostis le-goff",
        "address=12 rue",
        "address-city=saint etienne",
        "family:exact=L'Hostis-Le Goff",
        "name:text=goff hostis",
    ):
        assert await found(api, f"Patient?_id={made}&{asked}") == {made}, asked
    for asked in ("given=jeanpaul", "family:exact=L Hostis Le Goff", "family=--"):
        assert await found(api, f"Patient?_id={made}&{asked}") == set(), asked


async def test_from_a_day_on_is_all_that_reaches_into_it(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.5: the range above a value begins where the value does."""
    stay = {"start": "2020-01-01T10:00:00Z", "end": "2020-01-02T10:00:00Z"}
    made = await api.make(said("Patient/none", "stay", effectivePeriod=stay))
    asked = {"ge2020-01-02": 1, "le2020-01-01": 1, "ge2020-01-02T10:00:01Z": 0, "gt2020-01-02": 0}
    for date, there in {**asked, "ge2020-01-03": 0, "lt2020-01-01": 0, "le2020-01-01T09:59:59Z": 0}.items():
        assert await found(api, f"Observation?_tag=stay&date={date}") == ({made} if there else set()), date


async def test_a_number_starts_after_another_and_ends_before_it_as_a_point(api: Api) -> None:
    """Rule: FHIR R4, search 3.1.1.4.6: beside sa and eb a number is exact."""
    made = await api.make(said("Patient/none", "exact", valueQuantity={"value": 5.0}))
    for asked, there in (("sa4.9999", 1), ("sa5", 0), ("eb5.0001", 1), ("eb5", 0)):
        wanted = {made} if there else set()
        assert await found(api, f"Observation?_tag=exact&value-quantity={asked}") == wanted, asked
