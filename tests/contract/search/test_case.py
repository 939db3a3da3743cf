"""Where case means nothing, and where it does."""

from tests.contract.desk import Desk, ids
from tests.contract.search.test_paging import put


async def test_a_token_that_is_a_string_says_nothing_of_case(desk: Desk) -> None:
    """Rule: FHIR R4 4.0.1, search 3.1.1.4.10. A code is as it is written."""
    batch = {"lotNumber": "Lot-7É"}
    codes = {"coding": [{"system": "urn:rx", "code": "Rx"}]}
    await put(desk, {"resourceType": "Medication", "id": "lot", "batch": batch, "code": codes})
    for asked, found in (("Lot-7É", True), ("lot-7é", True), ("|LOT-7É", True), ("Lot-7", False)):
        assert bool(ids(await desk.found("loader", "Medication", [("lot-number", asked)]))) == found
    assert not ids(await desk.found("loader", "Medication", [("lot-number:not", "LOT-7é")]))
    assert [len(ids(await desk.found("loader", "Medication", [("code", c)]))) for c in ("Rx", "rx")] == [1, 0]
