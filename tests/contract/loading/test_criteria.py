"""References by criteria in what is loaded: what they mean, and when nobody can say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aubier.app import build
from aubier.cli.instance import console
from aubier.cli.loading.criteria import Criteria
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.settings import Settings


def visit(criteria: str) -> Resource:
    row = {"resourceType": "Encounter", "id": "v", "status": "finished", "class": {"code": "AMB"}}
    return {**row, "serviceProvider": {"reference": f"Organization?{criteria}"}}


async def test_a_store_that_does_not_answer_refuses_no_line(
    database: Callable[[], str], tmp_path: Path
) -> None:
    house = await build(Settings.load({}, data=str(tmp_path), sandbox=True), database())

    async def stored() -> None:
        return None

    criteria = Criteria(console(house).store, stored)
    try:
        rows, whole = await criteria.met([("a:1", visit("identifier=urn:n|1&_count=1"))])
        assert not whole and isinstance(rows[0][1], Problem)
        assert "shapes a page" in rows[0][1].issues[0].text, "as an import has it"
        assert rows[0][1].issues[0].at == ("Encounter.serviceProvider.reference",)
    finally:
        await house.stop()
    with pytest.raises(Problem) as silent:
        await criteria.met([("a:1", visit("identifier=urn:n|1"))])
    assert silent.value.kind == "transient", "it is loaded again, not left out"
