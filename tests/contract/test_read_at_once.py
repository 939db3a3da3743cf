"""The reads of a batch are asked together, and each has its own answer."""

from typing import Any

from tests.contract.conftest import Api
from tests.contract.test_written_at_once import carer, statements

__all__ = ["statements"]


def batch(*asked: tuple[str, str]) -> dict[str, Any]:
    """A batch of (method, url)."""
    rows = [{"request": {"method": method, "url": url}} for method, url in asked]
    return {"resourceType": "Bundle", "type": "batch", "entry": rows}


async def test_the_reads_of_a_batch_share_statements(api: Api, statements: list[str]) -> None:
    patient, login = await carer(api)
    asked = batch(*[("GET", f"Patient/{patient}"), ("GET", "Patient/none")] * 40)
    statements.clear()
    answer = await api.ask("POST", "", asked, as_=login)
    told = [entry["response"]["status"] for entry in answer.json()["entry"]]
    assert [status[:3] for status in told] == ["200", "404"] * 40
    reads = [text for text in statements if "json_to_recordset" in text]
    assert len(reads) <= 9


async def test_each_read_of_a_batch_has_its_line_and_its_refusal(api: Api) -> None:
    patient, login = await carer(api)
    hidden = await api.person()
    before = await api.last_line()
    paths = [f"Patient/{patient}", f"Patient/{hidden}", "Patient?_id=none", "Observation?nonsense=1", "Odd/1"]
    answer = await api.ask("POST", "", batch(*(("GET", path) for path in paths)), as_=login)
    told = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert told == ["200", "404", "200", "400", "404"]
    lines = [(line["what"], line["outcome"]) for line in await api.lines(before)]
    assert sorted(lines) == sorted([(paths[0], "ok"), (paths[1], "not-found"), ("Patient?_id=none", "ok")]), (
        lines
    )


async def test_what_a_batch_writes_is_there_for_its_reads(api: Api) -> None:
    patient, login = await carer(api)
    body = batch(("GET", f"Observation?patient={patient}&_summary=count"))
    body["entry"] += [
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": f"Patient/{patient}"},
            },
        }
    ] * 3
    answer = (await api.ask("POST", "", body, as_=login)).json()
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["200", "201", "201", "201"]
    assert answer["entry"][0]["resource"]["total"] == 5
