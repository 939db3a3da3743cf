"""Published examples go in over HTTP and come out the same, or are refused by the base standard."""

import json
import random
from typing import Any

import pytest

from aubier.services.subscriptions.asking.headers import shown
from tests.contract.rest.conftest import Api
from tests.spec.validation.test_published import BREAKS, exact, resources

FAMILIES = (
    "fhir-r4-core-examples",
    "sas-1.1.0",
    "annuaire-1.2.0-snapshot",
    "ips-2.0.0",
    "eprescription-1.1.0-ballot",
    "ihe-mhd-4.2.4",
)
FILES = {name: data for family in FAMILIES for name, data in resources(family)}
CHOSEN = random.Random(4).sample(sorted(FILES), 150)

HOUSE: dict[str, tuple[int, str]] = {}
"""Refused by a rule of the house above the base standard: status and the rule."""


def bare(resource: Any) -> Any:
    """A resource without what the server sets."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    rest = {k: v for k, v in resource.items() if k not in ("id", "meta")}
    return {**rest, "meta": meta} if meta else rest


async def fault(api: Api, name: str) -> str:
    """What is wrong with how this file goes in and comes out; nothing when all is well."""
    data = FILES[name]
    resource = json.loads(data)
    kind, logical = resource["resourceType"], resource.get("id")
    path = f"{kind}/{logical}" if logical else kind
    answer = await api.ask("PUT" if logical else "POST", path, data)
    if name in BREAKS or name in HOUSE:
        wanted = HOUSE[name][0] if name in HOUSE else 0
        well = answer.status_code in ((wanted,) if wanted else (400, 422))
        return "" if well else f"{name}: {answer.status_code} but it should be refused"
    if answer.status_code not in (200, 201):
        return f"{name}: {answer.status_code} {answer.text[:300]}"
    path = f"{kind}/{logical or answer.json()['id']}"
    if exact(answer.content) != exact((read := await api.get(path)).content):
        return f"{name}: the answer to the write is not what is read"
    # What a subscriber trusts the server with is not shown back.
    if bare(exact(read.content)) != bare(shown(exact(data))):
        return f"{name}: something else comes out"
    return ""


def test_they_are_all_there() -> None:
    assert len(FILES) == 749
    assert len(CHOSEN) == 150


@pytest.mark.parametrize("name", CHOSEN)
async def test_an_example_goes_in_and_comes_out(api: Api, name: str) -> None:
    assert await fault(api, name) == ""


@pytest.mark.whole
async def test_every_example_goes_in_and_comes_out(api: Api) -> None:
    wrong = [said for name in sorted(FILES) if (said := await fault(api, name))]
    assert not wrong, "\n".join(wrong)


BUNDLES = {
    name: bundle
    for name, data in FILES.items()
    if (bundle := json.loads(data))["resourceType"] == "Bundle"
    and bundle.get("type") in ("batch", "transaction")
}
REFUSED = {
    "fhir-r4-core-examples/Bundle-ussg-fht.json": "request.url must be relative",
}
"""What the base door does not take: addresses of another server."""


def test_batches_and_transactions_are_among_them() -> None:
    assert len(BUNDLES) == 8
    assert set(REFUSED) < set(BUNDLES)


@pytest.mark.parametrize("name", sorted(BUNDLES))
async def test_a_published_batch_or_transaction_is_played(api: Api, name: str) -> None:
    await _lay_what_is_changed(api, name)
    answer = await api.ask("POST", "", FILES[name])
    told = answer.json()
    if name in REFUSED:
        assert answer.status_code == 400
        assert {REFUSED[name] in issue["diagnostics"] for issue in told["issue"]} == {True}
    else:
        assert answer.status_code == 200, answer.text[:500]
        assert len(told["entry"]) == len(BUNDLES[name]["entry"])
        made = [e["response"]["status"] in ("201 Created", "200 OK") for e in told["entry"]]
        assert all(made) or BUNDLES[name]["type"] == "batch"


async def _lay_what_is_changed(api: Api, name: str) -> None:
    """The examples that a Bundle patches, which it takes to be there."""
    for entry in BUNDLES[name]["entry"]:
        if entry["request"]["method"] == "PATCH":
            kind, _, logical = entry["request"]["url"].partition("/")
            example = f"{name.partition('/')[0]}/examples/{kind}-{logical}.json"
            answer = await api.ask("PUT", f"{kind}/{logical}", FILES[example])
            assert answer.status_code in (200, 201), answer.text[:300]
