"""A database without room: told so, nothing torn, nothing shown unproven, and all well when there is room."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.contract.rest.conftest import Api
from tests.contract.rest.test_interactions import patient

_FULL = """create function full_disk() returns trigger language plpgsql as
 $$ begin raise exception 'No space left on device' using errcode = 'disk_full'; end $$"""


@asynccontextmanager
async def no_room(api: Api, table: str) -> AsyncIterator[None]:
    """As PostgreSQL says it when a table cannot be made longer."""
    connection = await asyncpg.connect(api.dsn)
    try:
        await connection.execute(_FULL)
        await connection.execute(
            f"create trigger no_room before insert on {table} execute function full_disk()"
        )
        yield
    finally:
        await connection.execute("drop function full_disk cascade")
        await connection.close()


async def test_a_full_disk_is_told_and_nothing_is_torn(api: Api) -> None:
    first, second = ({"method": "POST", "url": "Patient"}, {"method": "POST", "url": "Observation"})
    entries = [
        {"resource": patient("whole"), "request": first},
        {
            "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"}},
            "request": second,
        },
    ]
    before = await api.rows()
    async with no_room(api, "hist"):
        logical = await api.make(patient("room"))
        answers = [
            await api.ask("PUT", f"Patient/{logical}", {**patient("full"), "id": logical}),
            await api.ask("DELETE", f"Patient/{logical}"),
        ]
        shown = await api.get(f"Patient/{logical}")
    assert [a.status_code for a in answers] == [503, 503]
    assert all("no room" in a.text and "plus de place" in a.text for a in answers)
    assert (shown.status_code, shown.json()["meta"]["versionId"]) == (200, "1")
    assert (await api.ask("DELETE", f"Patient/{logical}")).status_code == 204
    async with no_room(api, "res"):
        assert (await api.post("transaction", *entries)).status_code == 503
    found = await api.get("Patient?identifier=urn:test|whole")
    assert found.json()["total"] == 0
    assert (await api.post("transaction", *entries)).status_code == 200
    assert (await api.rows())["res"] == before["res"] + 2


async def test_nothing_is_shown_whose_audit_line_has_no_room(api: Api) -> None:
    logical = await api.make(patient("proof"))
    async with no_room(api, "audit"):
        for path in (
            f"Patient/{logical}",
            "Patient?identifier=urn:test|proof",
            f"Patient/{logical}/$everything",
        ):
            answer = await api.get(path)
            assert answer.status_code == 503
            assert "urn:test" not in answer.text
        assert (await api.get("metadata")).status_code == 200
    assert (await api.get(f"Patient/{logical}")).status_code == 200
