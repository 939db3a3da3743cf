"""What must hold for a write: asked by headers, none of which is left out in silence."""

import pytest

from tests.contract.rest.conftest import Api, places
from tests.contract.rest.test_interactions import patient, valid
from tests.contract.rest.test_patch import JSON_PATCH, steps

BORN = steps({"op": "add", "path": "/birthDate", "value": "1980-02-03"})
STAR = {"if-match": "*"}


async def test_whatever_is_there_may_be_asked_to_be_there(api: Api) -> None:
    """Rule: RFC 9110 section 13.1.1."""
    path = f"Patient/{await api.make(patient('any'))}"
    body = {**patient("any"), "id": path.partition("/")[2]}
    assert (await api.ask("PUT", path, body, headers=STAR)).status_code == 200
    assert (await api.ask("PATCH", path, BORN, headers={**JSON_PATCH, **STAR})).status_code == 200
    assert (await api.ask("DELETE", path, headers=STAR)).status_code == 204
    assert (await api.ask("PUT", path, body, headers=STAR)).status_code == 412
    again = await api.ask("DELETE", path, headers=STAR)
    assert (again.status_code, places(again)) == (412, ["http.If-Match"])


@pytest.mark.parametrize("tag", ["*", 'W/"1"'])
async def test_what_is_not_there_is_not_made(api: Api, tag: str) -> None:
    asked = {"if-match": tag}
    absent = await api.ask("PUT", "Patient/star-absent", {**patient("s"), "id": "star-absent"}, headers=asked)
    assert (absent.status_code, places(absent)) == (412, ["http.If-Match"])
    by_criteria = await api.ask(
        "PUT", "Patient?identifier=urn:test|star-no", patient("star-no"), headers=asked
    )
    assert (by_criteria.status_code, places(by_criteria)) == (412, ["http.If-Match"])
    gone = await api.ask("DELETE", "Patient?identifier=urn:test|star-no", headers=asked)
    assert (gone.status_code, places(gone)) == (412, ["http.If-Match"])
    assert valid(await api.get("Patient?identifier=urn:test|star-no"))["total"] == 0
    assert (await api.get("Patient/star-absent")).status_code == 404


async def test_hidden_and_missing_do_not_differ_by_a_star(api: Api) -> None:
    hidden = await api.make(patient("star-hidden"))
    for method, body in (("PUT", patient("x")), ("DELETE", None)):
        answers = [
            await api.ask(method, f"Patient/{i}", body and {**body, "id": i}, who="doctor", headers=STAR)
            for i in (hidden, "nowhere")
        ]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].text.replace(hidden, "") == answers[1].text.replace("nowhere", "")


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("PUT", "If-None-Match", 'W/"1"'),
        ("PUT", "If-None-Exist", "identifier=x"),
        ("PUT", "If-Unmodified-Since", "Sun, 22 Nov 2026 09:00:00 GMT"),
        ("PATCH", "If-None-Match", "*"),
        ("PATCH", "If-None-Exist", "identifier=x"),
        ("DELETE", "If-None-Match", "*"),
        ("DELETE", "If-Unmodified-Since", "Sun, 22 Nov 2026 09:00:00 GMT"),
        ("POST", "If-Match", 'W/"1"'),
        ("POST", "If-None-Match", "*"),
    ],
)
async def test_a_condition_that_means_nothing_here_is_told(
    api: Api, method: str, name: str, value: str
) -> None:
    logical = await api.make(patient("told"))
    path = "Patient" if method == "POST" else f"Patient/{logical}"
    body = {"POST": patient("told"), "PUT": {**patient("told"), "id": logical}}.get(method)
    content, kind = (BORN, JSON_PATCH) if method == "PATCH" else (body, {})
    answer = await api.ask(method, path, content, headers={**kind, name: value})
    assert (answer.status_code, places(answer)) == (400, [f"http.{name}"])
    french = answer.json()["issue"][0]["details"]["_text"]["extension"][0]["extension"][1]["valueString"]
    assert not {"or", "with"} & set(french.split())
    assert (await api.get(f"Patient/{logical}")).headers["etag"] == 'W/"1"'


async def test_conditions_in_a_bundle_are_those_of_headers(api: Api) -> None:
    logical = await api.make(patient("entry"))
    url = f"Patient/{logical}"
    resource = {**patient("entry"), "id": logical}
    put = {"request": {"method": "PUT", "url": url, "ifMatch": "*"}, "resource": resource}
    late = {"request": {"method": "PUT", "url": url, "ifNoneMatch": 'W/"1"'}, "resource": resource}
    for kind in ("batch", "transaction"):
        told = valid(await api.post(kind, put))
        assert told["entry"][0]["response"]["status"] == "200 OK"
    refused = await api.post("transaction", late)
    assert (refused.status_code, places(refused)) == (400, ["Bundle.entry[0].request.ifNoneMatch"])
    absent = {"request": {"method": "DELETE", "url": "Patient/none-here", "ifMatch": "*"}}
    assert valid(await api.post("batch", absent))["entry"][0]["response"]["status"].startswith("412")


async def test_what_did_not_change_is_not_told_again_in_a_batch(api: Api) -> None:
    logical = await api.make(patient("since"))
    now = api.clock.now

    async def status(moment: str) -> str:
        entry = {"request": {"method": "GET", "url": f"Patient/{logical}", "ifModifiedSince": moment}}
        return str(valid(await api.post("batch", entry))["entry"][0]["response"]["status"])

    assert await status(f"{now:%Y-%m-%dT%H:%M:%SZ}") == "304 Not Modified"
    assert await status("2020-01-01T00:00:00+01:00") == "200 OK"
    entry = {"request": {"method": "GET", "url": "Patient/x", "ifModifiedSince": "0001-01-01T00:00:00+14:00"}}
    refused = await api.post("transaction", entry)
    assert (refused.status_code, places(refused)) == (400, ["Bundle.entry[0].request.ifModifiedSince"])


async def test_a_version_that_is_known_is_not_told_again(api: Api) -> None:
    logical = await api.make(patient("past"))
    path = f"Patient/{logical}/_history/1"
    known = await api.get(path, headers={"if-none-match": 'W/"1"'})
    assert (known.status_code, known.content) == (304, b"")
    assert (await api.get(path, headers={"if-none-match": 'W/"2"'})).status_code == 200


async def test_labels_are_changed_under_a_condition_too(api: Api) -> None:
    logical = await api.make(patient("labels"))
    path, red = f"Patient/{logical}/$meta-add", {"tag": [{"system": "urn:t", "code": "red"}]}
    body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": red}]}
    late = await api.ask("POST", path, body, headers={"if-match": 'W/"7"'})
    assert (late.status_code, places(late)) == (412, ["http.If-Match"])
    assert (await api.ask("POST", path, body, headers={"if-match": 'W/"1"'})).status_code == 200
    assert places(await api.ask("POST", f"{path}?x=1", body)) == ["http.x"]
    for wrong in (
        {"name": "zzz", "valueMeta": red},
        {"name": "meta", "valueMeta": {**red, "source": "urn:x"}},
    ):
        refused = await api.ask("POST", path, {**body, "parameter": [wrong]})
        assert (refused.status_code, places(refused)) == (400, ["Parameters.parameter"])
    assert (await api.get(f"Patient/{logical}")).headers["etag"] == 'W/"2"'


async def test_an_operation_that_writes_takes_no_condition(api: Api) -> None:
    logical = await api.make(patient("shared"))
    body = {"resourceType": "Parameters", "parameter": [{"name": "actor", "valueString": "x"}]}
    answer = await api.ask("POST", f"Patient/{logical}/$share", body, headers={"if-match": 'W/"1"'})
    assert (answer.status_code, places(answer)) == (400, ["http.If-Match"])
