"""Search and validation ask the terminology service: value sets, hierarchies, bindings of profiles."""

from typing import Any

import pytest

from tests.contract.desk import Desk, ids
from tests.contract.terminology.stock import URL
from tests.unit.validation.test_snapshots import profile, row


@pytest.fixture(scope="module")
async def painted(desk: Desk) -> dict[str, str]:
    """A Basic of each colour: its id by the colour."""
    return {
        code: await desk.make(
            "loader",
            {"resourceType": "Basic", "code": {"coding": [{"system": URL + "colours", "code": code}]}},
        )
        for code in ("red", "scarlet", "crimson", "blue", "puce")
    }


@pytest.mark.parametrize(
    ("modifier", "value", "found"),
    [
        ("in", URL + "vs/reds", {"red", "scarlet", "crimson"}),
        ("in", URL + "vs/reds|1", {"red", "scarlet", "crimson"}),
        ("in", URL + "vs/all", {"red", "scarlet", "crimson", "blue", "puce"}),
        ("not-in", URL + "vs/reds", {"blue", "puce"}),
        ("below", f"{URL}colours|red", {"red", "scarlet", "crimson"}),
        ("above", f"{URL}colours|scarlet", {"red", "scarlet"}),
    ],
)
async def test_a_search_names_a_set_of_codes(
    desk: Desk, painted: dict[str, str], modifier: str, value: str, found: set[str]
) -> None:
    pairs = [(f"code:{modifier}", value), ("_id", ",".join(painted.values()))]
    assert set(ids(await desk.found("loader", "Basic", pairs))) == {f"Basic/{painted[c]}" for c in found}


async def test_a_value_set_is_named_by_its_id_too(desk: Desk, painted: dict[str, str]) -> None:
    made = await desk.found("loader", "ValueSet", [("url", URL + "vs/reds")])
    pairs = [("code:in", ids(made)[0]), ("_id", ",".join(painted.values()))]
    assert len(ids(await desk.found("loader", "Basic", pairs))) == 3


@pytest.mark.parametrize(
    ("pair", "status", "words"),
    [
        (("code:in", URL + "vs/nowhere"), 404, "is not here"),
        (("code:in", "ValueSet/nowhere"), 404, "ValueSet/nowhere"),
        (("code:below", f"{URL}nowhere|a"), 404, "is not here"),
    ],
)
async def test_a_set_that_is_not_here_is_told(
    desk: Desk, pair: tuple[str, str], status: int, words: str
) -> None:
    got, told = await desk.ask("loader", "GET", f"Basic?{pair[0]}={pair[1]}")
    assert (got, told["resourceType"]) == (status, "OperationOutcome")
    assert words in told["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("code", "wrong"),
    # What its system does not know at all is told of the coding too.
    [("scarlet", []), ("blue", ["Basic.code"]), ("nothing", ["Basic.code.coding[0].code", "Basic.code"])],
)
async def test_a_profile_binds_to_a_value_set_by_filter(desk: Desk, code: str, wrong: list[str]) -> None:
    bound = {"strength": "required", "valueSet": URL + "vs/reds"}
    mine: dict[str, Any] = profile("Basic", row("Basic.code", binding=bound), name="red-things")
    mine |= {"name": "RedThings", "status": "active", "kind": "resource", "abstract": False}
    if not ids(await desk.found("loader", "StructureDefinition", [("url", mine["url"])])):
        await desk.make("loader", mine)
    body = {
        "resourceType": "Basic",
        "meta": {"profile": [mine["url"]]},
        "code": {"coding": [{"system": URL + "colours", "code": code}]},
    }
    status, told = await desk.ask("doctor", "POST", "Basic/$validate", body)
    assert status == 200
    errors = [i["expression"][0] for i in told["issue"] if i["severity"] == "error"]
    assert errors == wrong, told
