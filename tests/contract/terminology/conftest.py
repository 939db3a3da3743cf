"""A house whose terminology holds two small invented systems."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tests.contract.desk import Desk, opened
from tests.contract.terminology.stock import CHAPTERS, COLOURS, VALUE_SETS
from tests.open_house import DOCTOR


@pytest.fixture(scope="package")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """`loader` writes, `doctor` asks, `narrow` has no scope on terminology."""
    narrow = replace(DOCTOR, login="narrow", scopes=("user/Patient.rs",))
    actors = {"doctor": DOCTOR, "narrow": narrow}
    async with opened(database, tmp_path_factory.mktemp("house"), actors) as found:
        for resource in (COLOURS, CHAPTERS, *VALUE_SETS):
            await found.make("loader", resource)
        yield found
