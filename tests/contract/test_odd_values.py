"""Odd values where a value goes: refused as what they are, at every door, and never a fault of ours."""

from typing import Any

import httpx
import pytest

from tests.contract.conftest import Api

FORM = "application/x-www-form-urlencoded"
ODD = (
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF",
    "9" * 400,
    "-" + "9" * 30,
    "1e999999999",
    "0000",
    "10000-01-01",
    "2026-01-01T00:00:00%2B99:99",
    "%E2%80%AE",
    "x" * 20_000,
)
MISSHAPEN: tuple[Any, ...] = (
    1,
    {"name": "x"},
    [1],
    [None],
    [[]],
    [{}],
    [{"name": 1}],
    [{"name": "x", "part": 1}],
    [{"name": "x", "part": [1]}],
    [{"name": "identity", "part": [{"valueString": "x"}]}],
)


async def asked(api: Api, method: str, path: str, **options: Any) -> httpx.Response:
    """One request anywhere, by a platform's own account; a second passes between two."""
    api.wait(seconds=1)
    headers = {"authorization": f"Bearer {await api.token('admin')}", **options.pop("headers", {})}
    return await api.client.request(method, path, headers=headers, **options)


async def test_parameters_that_are_none_are_told_before_any_room_reads_them(api: Api) -> None:
    for on, name in sorted(api.house.server.interactions.operations):
        if name in ("validate", "snapshot") and on != "Patient":
            continue
        row = api.house.server.interactions.operations[on, name]
        path = "/".join(part for part in (on, "x" if row.instance else "", f"${name}") if part)
        for parameter in MISSHAPEN:
            answer = await api.ask("POST", path, {"resourceType": "Parameters", "parameter": parameter})
            assert answer.status_code == 400, (path, parameter, answer.text)
            (issue,) = answer.json()["issue"]
            assert issue["code"] == "structure" and issue["expression"][0].startswith("Parameters.parameter")


async def test_every_page_and_endpoint(api: Api) -> None:
    """What is no page's value gives its refusal or its page, in HTML or JSON."""
    for place, route in enumerate(api.house.server.routes):
        odd, accept = ODD[place % len(ODD)], ("text/html", "application/json")[place % 2]
        path = "/".join(odd[:200] if part.startswith("{") else part for part in route.path.split("/"))
        for query in ("%ED%A0%80=1", f"page={odd[:500]}&next={odd[:500]}"):
            options: dict[str, Any] = {"headers": {"accept": accept, "content-type": FORM}}
            if route.method != "GET":
                options["content"] = query.encode()
            answer = await asked(api, route.method, f"{path}?{query}", **options)
            assert answer.status_code < 500, (route.method, path, query, answer.text[:200])


async def test_an_address_that_is_none_with_a_query_that_is_none(api: Api) -> None:
    answer = await asked(api, "GET", "/nowhere?x=%ED%A0%80")
    assert answer.status_code == 404 and answer.json()["issue"][0]["code"] == "not-found"


@pytest.mark.parametrize("odd", ODD[:3] + ODD[8:9], ids=range(4))
async def test_every_door(api: Api, odd: str) -> None:
    for opening in api.house.server.doors:
        door = opening.door
        for offer in door.offers:
            needed = "&".join(f"{group[0]}=x" for group in offer.required)
            names = [*(a.code for a in offer.asked[:4]), *door.controls, "_page"]
            asks = [f"{name}={odd}" for name in names]
            paths = [f"{offer.type}/{odd}", *(f"{offer.type}?{needed}&{each}" for each in asks)]
            for path in paths:
                answer = await asked(api, "GET", f"{door.base}/{path}")
                assert answer.status_code < 500, (door.base, path, answer.text[:200])
        key = await api.client.get(f"{door.base}/x", headers={door.key or "x": odd})
        assert key.status_code == 401


@pytest.mark.parametrize("path", ["_export/%00", "_export/a%00b", "_export/a%00/1", "_export/%ED%A0%80"])
async def test_an_export_that_is_none(api: Api, path: str) -> None:
    assert (await api.ask("GET", path)).status_code in (400, 404)
