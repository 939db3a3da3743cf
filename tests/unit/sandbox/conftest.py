"""A small territory, made once for the whole folder."""

from datetime import date

import pytest

from aubier.ground.rows import Resource
from aubier.sandbox.batch import Batch
from aubier.sandbox.plan import Settings, territory

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    return list(territory(Settings(today=TODAY, citizens=200, seed="tests")))


@pytest.fixture(scope="session")
def resources(batches: list[Batch]) -> list[Resource]:
    return [resource for batch in batches for resource in batch.resources]


@pytest.fixture(scope="session")
def stories(batches: list[Batch]) -> dict[str, Batch]:
    return {b.name.partition("/")[2]: b for b in batches if b.name.startswith("stories/")}
