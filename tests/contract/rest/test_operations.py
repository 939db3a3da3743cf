"""`$lastn`, and what `$meta` tells and changes."""

from typing import Any

from aubier.fhir import json as fhir_json
from tests.contract.rest.conftest import ACTORS, BASE, Api, places
from tests.contract.rest.test_everything import seen
from tests.contract.rest.test_interactions import patient, valid


def measured(logical: str, day: int, *codes: str, **parts: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": c} for c in codes]} if codes else {"text": "t"},
        "subject": {"reference": f"Patient/{logical}"},
        "effectiveDateTime": f"2026-01-{day:02}",
        **parts,
    }


async def test_the_latest_of_each_kind(api: Api) -> None:
    logical = await api.make(patient("lastn"))
    ids = [
        f"Observation/{await api.make(measured(logical, day, *codes))}"
        for day, codes in [(1, ("a",)), (2, ("b",)), (3, ("a",)), (4, ("a", "x")), (5, ("x",)), (6, ())]
    ]
    last = valid(await api.get(f"Observation/$lastn?patient={logical}"))
    assert seen(last) == [ids[5], ids[4], ids[1]] and last["total"] == 3
    two = valid(await api.get(f"Observation/$lastn?patient=Patient/{logical}&max=2&code=urn:c|a"))
    assert seen(two) == [ids[3], ids[2]]
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subject", "valueString": f"Patient/{logical}"},
            {"name": "max", "valuePositiveInt": 1},
        ],
    }
    assert len(seen(valid(await api.ask("POST", "Observation/$lastn", body)))) == 3


async def test_the_latest_of_each_kind_of_each_patient(api: Api) -> None:
    one, two = [await api.make(patient(f"lastn-{n}")) for n in range(2)]
    made = [await api.make(measured(who, day, "a")) for who, day in ((one, 1), (one, 2), (two, 1))]
    last = valid(await api.get(f"Observation/$lastn?patient={one},{two}"))
    assert seen(last) == [f"Observation/{made[1]}", f"Observation/{made[2]}"]


async def test_a_patient_named_by_our_whole_address_is_the_same(api: Api) -> None:
    logical = await api.make(patient("lastn-whole"))
    await api.make(measured(logical, 1, "a"))
    whole = {"subject": {"reference": f"{BASE}/fhir/Patient/{logical}"}}
    latest = await api.make(measured(logical, 2, "a", **whole))
    last = valid(await api.get(f"Observation/$lastn?patient={logical}"))
    assert seen(last) == [f"Observation/{latest}"]


async def test_the_latest_are_those_that_one_may_see(api: Api) -> None:
    logical = await api.make(patient("lastn-hidden"))
    await api.make(measured(logical, 1, "a"))
    assert valid(await api.get(f"Observation/$lastn?patient={logical}", who="doctor"))["total"] == 0
    await api.grant(logical, ACTORS["doctor"])
    assert valid(await api.get(f"Observation/$lastn?patient={logical}", who="doctor"))["total"] == 1


async def test_what_lastn_does_not_understand(api: Api) -> None:
    for query, place in (
        ("", "http.patient"),
        ("patient=x&max=0", "http.max"),
        ("patient=x&foo=1", "http.foo"),
    ):
        answer = await api.get(f"Observation/$lastn?{query}")
        assert answer.status_code == 400 and places(answer) == [place]
    assert (await api.ask("PUT", "Observation/$lastn", b"{}")).status_code == 405


def meta(**lists: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": lists}]}


TAG = {"system": "urn:t", "code": "a", "display": "A"}
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


async def test_the_meta_of_a_resource_is_told_and_changed(api: Api) -> None:
    logical = await api.make({**patient("meta"), "meta": {"tag": [{"system": "urn:t", "code": "z"}]}})
    here = f"Patient/{logical}"
    answer = await api.get(f"{here}/$meta")
    told = answer.json()["parameter"][0]
    assert told["name"] == "return" and told["valueMeta"]["tag"] == [{"system": "urn:t", "code": "z"}]
    added = await api.ask("POST", f"{here}/$meta-add", meta(tag=[TAG, {"system": "urn:t", "code": "z"}]))
    assert [t["code"] for t in added.json()["parameter"][0]["valueMeta"]["tag"]] == ["z", "a"]
    assert added.headers["etag"] == 'W/"2"'
    gone = await api.ask("POST", f"{here}/$meta-delete", meta(tag=[{"system": "urn:t", "code": "z"}, LABEL]))
    assert gone.json()["parameter"][0]["valueMeta"]["tag"] == [TAG]
    read = fhir_json.parse((await api.get(here)).content)
    assert read["meta"]["tag"] == [TAG] and read["meta"]["versionId"] == "3"
    assert (await api.get("Patient?_tag=urn:t|a&_id=" + logical)).json()["total"] == 1


async def test_labels_that_are_there_or_not_there_already_make_no_version(api: Api) -> None:
    here = f"Patient/{await api.make({**patient('meta-same'), 'meta': {'tag': [TAG]}})}"
    for name, tag in (("add", TAG), ("add", {**TAG, "display": "B"}), ("delete", {**TAG, "code": "z"})):
        answer = await api.ask("POST", f"{here}/$meta-{name}", meta(tag=[tag]))
        assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
        assert answer.json()["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert len((await api.get(f"{here}/_history")).json()["entry"]) == 1


async def test_labels_are_changed_by_whoever_may_update_only(api: Api) -> None:
    logical = await api.make(patient("labels"))
    here = f"Patient/{logical}"
    for path in (f"{here}/$meta", "Patient/absent/$meta"):
        assert (await api.get(path, who="doctor")).status_code == 404
    hidden = await api.ask("POST", f"{here}/$meta-add", meta(security=[LABEL]), who="doctor")
    assert hidden.status_code == 404
    assert (await api.get(f"{here}/$meta-add")).status_code == 405
    assert (await api.get(here)).json()["meta"]["versionId"] == "1"


async def test_what_is_no_meta_is_refused(api: Api) -> None:
    logical = await api.make(patient("no-meta"))
    wrong: list[dict[str, Any]] = [
        {"resourceType": "Parameters"},
        meta(tag={}),
        meta(tag=["x"]),
        meta(profile=[1]),
        {"resourceType": "Parameters", "parameter": [{"name": "meta"}]},
    ]
    for body in wrong:
        answer = await api.ask("POST", f"Patient/{logical}/$meta-add", body)
        assert answer.status_code == 400 and places(answer) == ["Parameters.parameter"]
    broken = await api.ask("POST", f"Patient/{logical}/$meta-add", meta(tag=[{"code": " "}]))
    assert broken.status_code in (400, 422)
