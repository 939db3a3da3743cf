"""A posted SearchParameter: refused, waited for, answered, narrowed, changed, taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Api, outcome
from tests.contract.indexing.conftest import EYES, URL, coloured, parameter, walked

POSTINGS = ("post", "ident", "ref", "str", "dat", "num")


async def postings(api: Api) -> dict[str, int]:
    return {t: await api.house.store.pool.fetchval(f"select count(*) from {t}") for t in POSTINGS}


async def terms(api: Api) -> list[int]:
    """Every term of every row."""
    rows = await api.house.store.pool.fetch("select distinct unnest(terms) as term from res")
    return [row["term"] for row in rows]


async def told(api: Api, path: str) -> dict[str, Any]:
    """The parts of the one row of a $status."""
    (row,) = (await api.good("GET", f"{path}/$status"))["parameter"]
    return {p["name"]: next(v for k, v in p.items() if k != "name") for p in row["part"]}


async def listed(api: Api) -> set[str]:
    statement = await api.good("GET", "metadata")
    (patient,) = (r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    return {p["name"] for p in patient["searchParam"]}


async def test_it_answers_when_every_resource_is_there_and_not_before(api: Api) -> None:
    green = (await api.good("POST", "Patient", coloured("green")))["id"]
    await api.good("POST", "Patient", coloured("brown"))
    made = await api.good("POST", "SearchParameter", parameter("eye-colour"))
    refused = await api.ask("GET", "Patient?eye-colour=green", headers={"Prefer": "handling=lenient"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert outcome(refused)["issue"][0]["code"] == "transient"
    assert f"SearchParameter/{made['id']}/$status" in refused.text
    assert (await told(api, f"SearchParameter/{made['id']}"))["status"] == "making"
    assert "eye-colour" not in await listed(api)
    written = (await api.good("POST", "Patient", coloured("green")))["id"]
    await walked(api)
    assert sorted(await api.ids("Patient?eye-colour=green")) == sorted(
        f"Patient/{logical}" for logical in (green, written)
    )
    state = await told(api, f"SearchParameter/{made['id']}")
    assert (state["status"], state["percent"], state["done"]) == ("ready", 100, state["total"])
    assert "eye-colour" in await listed(api)
    assert await api.ids(f"Patient?eye-colour:missing=false&_id={green}") == [f"Patient/{green}"]


@pytest.mark.parametrize(
    ("change", "status", "at"),
    [
        ({"expression": "Patient.extension("}, 400, "expression"),
        ({"expression": "Patient.nothing"}, 400, "expression"),
        ({"expression": "Observation.code"}, 400, "expression"),
        ({"base": ["Patient", "Observation"]}, 400, "expression"),
        ({"base": ["Patients"]}, 422, "base[0]"),
        ({"code": "family", "expression": "Patient.name.given", "type": "string"}, 409, "code"),
        ({"code": "_id"}, 400, "code"),
        ({"code": "a b"}, 400, "code"),
        ({"type": "special"}, 400, "type"),
        ({"type": "quantity", "expression": "Patient.name"}, 400, "type"),
        ({"expression": None}, 400, "expression"),
        ({"comparator": ["gt"]}, 400, "comparator"),
        ({"url": "http://hl7.org/fhir/SearchParameter/Patient-active"}, 409, "url"),
        ({"type": "composite", "expression": "Patient"}, 400, "component"),
        ({"expression": "Patient.name.where(" * 2000}, 413, "expression"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_could_never_answer_is_refused(api: Api, change: dict, status: int, at: str) -> None:
    refused = await api.ask("POST", "SearchParameter", parameter("eye-colour", **change))
    assert refused.status_code == status, refused.text
    issues = outcome(refused)["issue"]
    assert f"SearchParameter.{at}" in [place for i in issues for place in i["expression"]], issues
    assert await api.ids("SearchParameter") == []
    assert await api.house.store.pool.fetchval("select count(*) from indexing where kind = 'parameter'") == 0


async def test_what_repeats_a_standard_one_is_served_by_it(api: Api) -> None:
    """Guides publish base parameters once more, under a URL of their own or of the standard."""
    for url in ("http://guide.example/family", "http://hl7.org/fhir/SearchParameter/individual-family"):
        body = parameter("family", url=url, type="string", expression="Patient.name.family")
        if url.startswith("http://hl7.org"):
            body |= {"base": ["Patient", "Practitioner"]}
            body |= {"expression": "Patient.name.family | Practitioner.name.family"}
        made = await api.good("POST", "SearchParameter", body)
        assert (await told(api, f"SearchParameter/{made['id']}"))["status"] == "unused"
    assert await api.house.store.pool.fetchval("select count(*) from indexing where kind = 'parameter'") == 0


async def test_only_an_administrator_may(api: Api) -> None:
    _, citizen = await api.citizen()
    _, professional = await api.professional()
    made = await api.good("POST", "SearchParameter", parameter("eye-colour"))
    for login in (citizen, professional):
        assert (await api.ask("POST", "SearchParameter", parameter("hair"), as_=login)).status_code == 403
        gone = await api.ask("DELETE", f"SearchParameter/{made['id']}", as_=login)
        assert gone.status_code in (403, 404)
    assert (await api.raw("GET", "SearchParameter/$status")).status_code == 401
    narrow = await api.ask("POST", "SearchParameter", parameter("hair"), scope="system/Patient.cruds")
    assert narrow.status_code == 403
    assert await api.ids("SearchParameter") == [f"SearchParameter/{made['id']}"]


@pytest.mark.parametrize("how", ["delete", "retire", "draft"])
async def test_taken_away_at_once_and_without_a_trace(api: Api, how: str) -> None:
    named = {"name": [{"family": "Morvan"}], "birthDate": "1980-05-01"}
    await api.good("POST", "Patient", coloured("green") | named)
    with_patient = await postings(api)
    known = set(await terms(api))

    async def marked(api: Api) -> int:
        return len(set(await terms(api)) - known)

    asked = {
        "eye-colour": (parameter("eye-colour"), "green"),
        "called": (parameter("called", type="string", expression="Patient.name.family"), "Morvan"),
        "born": (parameter("born", type="date", expression="Patient.birthDate"), "1980-05-01"),
    }
    made = {code: await api.good("POST", "SearchParameter", body) for code, (body, _) in asked.items()}
    await walked(api)
    for code, (_, value) in asked.items():
        assert len(await api.ids(f"Patient?{code}={value}")) >= 1, code
    assert await marked(api) > 0
    assert await postings(api) != with_patient
    for code, body in made.items():
        if how == "delete":
            await api.good("DELETE", f"SearchParameter/{body['id']}")
        else:
            status = {"retire": "retired", "draft": "draft"}[how]
            await api.good("PUT", f"SearchParameter/{body['id']}", body | {"status": status})
        refused = await api.ask("GET", f"Patient?{code}={asked[code][1]}")
        assert refused.status_code == 400
        assert outcome(refused)["issue"][0]["code"] == "not-supported"
    await walked(api)
    assert await postings(api) == with_patient
    assert await marked(api) == 0


async def test_a_changed_expression_is_made_again(api: Api) -> None:
    await api.good("POST", "Patient", coloured("amber", name=[{"family": "Ambre"}]))
    made = await api.good("POST", "SearchParameter", parameter("trait"))
    await walked(api)
    assert len(await api.ids("Patient?trait=amber")) == 1
    changed = made | {"expression": "Patient.name.family", "type": "string"}
    await api.good("PUT", f"SearchParameter/{made['id']}", changed)
    assert (await api.ask("GET", "Patient?trait=ambre")).status_code == 503
    await walked(api)
    assert len(await api.ids("Patient?trait=ambre")) == 1
    assert await api.ids("Patient?trait=amber") == []
    left = await api.house.store.pool.fetchval("select count(*) from indexing where state = 'leaving'")
    assert left == 0


async def test_what_it_says_of_modifiers_and_comparators_holds(api: Api) -> None:
    body = parameter("born", type="date", expression="Patient.birthDate", comparator=["ge", "le"])
    made = await api.good("POST", "SearchParameter", body | {"modifier": ["missing"], "multipleOr": False})
    await walked(api)
    logical = (await api.good("POST", "Patient", {"resourceType": "Patient", "birthDate": "1888-02-03"}))[
        "id"
    ]
    assert await api.ids("Patient?born=ge1888-02-01&born=le1888-03-01") == [f"Patient/{logical}"]
    assert await api.ids("Patient?born=1888-02-03&_sort=born") == [f"Patient/{logical}"]
    for question in ("born=gt1888", "born=1888,1889"):
        refused = await api.ask("GET", f"Patient?{question}")
        assert refused.status_code == 400, question
        assert "#" not in refused.text
    # How a question is read changes at once: the rows are the same.
    await api.good("PUT", f"SearchParameter/{made['id']}", {**body, "id": made["id"], "comparator": ["gt"]})
    assert f"Patient/{logical}" in await api.ids("Patient?born=gt1888-01")


async def test_references_and_composites(api: Api) -> None:
    patient = (await api.good("POST", "Patient", {"resourceType": "Patient"}))["id"]
    doctor = await api.good(
        "POST", "Practitioner", {"resourceType": "Practitioner", "name": [{"family": "Caro"}]}
    )
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"},
        "extension": [
            {"url": "http://x.example/seen", "valueReference": {"reference": f"Practitioner/{doctor['id']}"}}
        ],
        "component": [
            {"code": {"coding": [{"system": "s", "code": "a"}]}, "valueString": "Low tide"},
            {"code": {"coding": [{"system": "s", "code": "b"}]}, "valueString": "High tide"},
        ],
    }
    logical = (await api.good("POST", "Observation", observation))["id"]
    seen = parameter(
        "seen-by",
        base=["Observation"],
        type="reference",
        target=["Practitioner"],
        expression="Observation.extension('http://x.example/seen').value",
    )
    whoever = {k: v for k, v in seen.items() if k != "target"} | {"code": "whoever", "url": f"{URL}whoever"}
    said = parameter(
        "said", base=["Observation"], type="string", expression="Observation.component.value.ofType(string)"
    )
    both = parameter(
        "code-said",
        base=["Observation"],
        type="composite",
        expression="Observation.component",
        component=[
            {
                "definition": "http://hl7.org/fhir/SearchParameter/Observation-component-code",
                "expression": "code",
            },
            {"definition": f"{URL}said", "expression": "value.ofType(string)"},
        ],
    )
    ids = {
        body["code"]: (await api.good("POST", "SearchParameter", body))["id"]
        for body in (seen, whoever, said, both)
    }
    await walked(api)
    here = [f"Observation/{logical}"]
    assert await api.ids(f"Observation?seen-by=Practitioner/{doctor['id']}") == here
    assert await api.ids(f"Observation?whoever={doctor['id']}") == here
    assert await api.ids("Observation?seen-by.family=caro") == here
    assert await api.ids("Observation?seen-by:Practitioner.family=caro&said=low") == here
    assert await api.ids("Observation?code-said=s|a$low") == here
    assert await api.ids("Observation?code-said=s|a$high") == []
    assert await api.ids("Observation?code-said=s|b$high") == here
    last = f"Observation/$lastn?patient={patient}&seen-by=Practitioner/{doctor['id']}"
    assert await api.ids(last) == here
    page = await api.good("GET", "Observation?said=low&_include=Observation:seen-by")
    assert [e["search"]["mode"] for e in page["entry"]] == ["match", "include"]
    assert await api.ids(f"Practitioner?_has:Observation:seen-by:said=high&_id={doctor['id']}")
    resting = await api.ask("DELETE", f"SearchParameter/{ids['said']}")
    assert resting.status_code == 422, resting.text
    clash = await api.ask(
        "POST",
        "SearchParameter",
        parameter("said", base=["Observation"], url=URL + "b", expression="Observation.code"),
    )
    assert clash.status_code == 409


async def test_codes_with_words_and_order(api: Api) -> None:
    """The modifiers of codes, and an order, as of any parameter of the type; also over a chain."""
    patient = (await api.good("POST", "Patient", {"resourceType": "Patient", "gender": "male"}))["id"]
    found = []
    for text, code in (("Bras gauche", "l"), ("Bras droit", "r")):
        body = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"},
            "bodySite": {"text": text, "coding": [{"system": "http://x.example/side", "code": code}]},
        }
        found.append(f"Observation/{(await api.good('POST', 'Observation', body))['id']}")
    site = parameter("site", base=["Observation"], expression="Observation.bodySite")
    await api.good("POST", "SearchParameter", site)
    await walked(api)
    here = f"patient={patient}"
    assert await api.ids(f"Observation?{here}&site:text=bras g") == found[:1]
    assert await api.ids(f"Observation?{here}&site:not=l") == found[1:]
    assert await api.ids(f"Observation?{here}&site=http://x.example/side|&_sort=site") == found[::-1]
    assert await api.ids(f"Patient?_has:Observation:patient:site=r&_id={patient}") == [f"Patient/{patient}"]
    assert await api.ids(f"Observation?{here}&_filter=site eq r") == found[1:]
    assert await api.ids(f"Observation?{here}&site:missing=true") == []
    unknown = await api.ask("GET", "Observation?site%2317=l")
    assert unknown.status_code == 400


@pytest.mark.parametrize(
    ("type", "value", "asked", "not_asked"),
    [
        (
            "token",
            {"valueIdentifier": {"system": "urn:s", "value": "a|b"}},
            ("=urn:s|a\\|b", "=a\\|b", "=urn:s|", ":not=urn:t|a\\|b"),
            ("=urn:t|a\\|b", "=a", "=|a\\|b", ":missing=true"),
        ),
        (
            "token",
            {"valueCodeableConcept": {"coding": [{"code": "b", "display": "Light blue"}], "text": "azur"}},
            ("=b", ":text=azur", ":text=light"),
            (":text=brown",),
        ),
        (
            "reference",
            {"valueCanonical": "http://x.example/vs|1.0"},
            ("=http://x.example/vs", "=http://x.example/vs|1.0"),
            ("=http://x.example/vs|2.0", "=http://x.example/v"),
        ),
        (
            "uri",
            {"valueCanonical": "http://x.example/vs|1.0"},
            ("=http://x.example/vs", "=http://x.example/vs|1.0", ":below=http://x.example/"),
            ("=http://x.example/vs|2.0",),
        ),
    ],
    ids=("identifier", "words", "reference", "uri"),
)
@pytest.mark.parametrize("expression", [f"Patient.extension('{EYES}').value", f"Patient.extension('{EYES}')"])
async def test_what_an_extension_holds_is_found_whatever_it_is(
    api: Api, expression: str, type: str, value: Any, asked: tuple[str, ...], not_asked: tuple[str, ...]
) -> None:
    target = ["ValueSet"] if type == "reference" else None
    await api.good(
        "POST", "SearchParameter", parameter("eyes", type=type, expression=expression, target=target)
    )
    held = {"resourceType": "Patient", "extension": [{"url": EYES, **value}]}
    logical = (await api.good("POST", "Patient", held))["id"]
    await walked(api)
    for question in asked:
        assert await api.ids(f"Patient?_id={logical}&eyes{question}") == [f"Patient/{logical}"], question
    for question in not_asked:
        assert await api.ids(f"Patient?_id={logical}&eyes{question}") == [], question


async def test_a_standard_parameter_of_an_extension_finds_what_it_identifies(api: Api) -> None:
    din = {"url": "http://hl7.org/fhir/SearchParameter/device-extensions-Device-din"}
    held = {"resourceType": "Device", "extension": [{**din, "valueIdentifier": {"value": "W1234"}}]}
    logical = (await api.good("POST", "Device", held))["id"]
    assert await api.ids("Device?din=W1234") == [f"Device/{logical}"]
