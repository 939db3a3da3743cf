"""What the other rooms ask."""

from dataclasses import dataclass
from typing import Any

import pytest

from aubier.ground.problem import Problem, problem
from aubier.terminology.api import Coded, Terminology
from aubier.terminology.expansion import Wanted
from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, concept

COLOUR = URL + "colours"
GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


@dataclass
class Counted:
    """A store that counts what it is asked."""

    store: Any
    asked: int = 0

    async def run(self, name: str, *args: Any) -> Any:
        """The same, counted."""
        self.asked += 1
        return await self.store.run(name, *args)


@pytest.fixture
def store(desk: Desk) -> Counted:
    """The platform's own view."""
    return Counted(desk.system().store)


async def test_many_codes_cost_as_many_questions_as_systems(store: Counted) -> None:
    codes = [Coded(COLOUR, code) for code in ("red", "blue", "mauve") * 40]
    verdicts = await Terminology(store).validate_all(codes)
    assert [v.ok for v in verdicts] == [True, True, False] * 40
    assert store.asked == 2


@dataclass
class Lost(Counted):
    """A store whose connection is lost when it is asked about codes."""

    async def run(self, name: str, *args: Any) -> Any:
        if name == "terminology.concepts":
            raise problem("transient", "The store does not answer", "La base ne répond pas")
        return await super().run(name, *args)


async def test_a_store_that_does_not_answer_leaves_no_code_unchecked(store: Counted) -> None:
    with pytest.raises(Problem) as refused:
        await Terminology(Lost(store.store)).validate_each([(Coded(COLOUR, "red"), URL + "vs/reds")])
    assert refused.value.kind == "transient"


async def test_each_code_in_its_own_value_set(store: Counted) -> None:
    asks = [
        (Coded(COLOUR, "red", "Red"), URL + "vs/reds"),
        (Coded(COLOUR, "blue"), URL + "vs/reds"),
        (Coded(GENDER, "male"), GENDERS),
        (Coded(GENDER, "man"), GENDERS),
        (Coded(COLOUR, "red", "Green"), ""),
        (Coded("https://terminology.example/absent", "mm[Hg]"), ""),
        (Coded(COLOUR, "red"), URL + "vs/nowhere"),
    ] * 5
    verdicts = await Terminology(store).validate_each(asks)
    told = [(v.ok, v.member, v.checked) for v in verdicts[:7]]
    assert told == [
        (True, True, True),
        (False, False, True),
        (True, True, True),
        (False, False, True),
        (False, True, True),
        (False, False, False),
        (False, False, False),
    ]
    assert [v.ok for v in verdicts] == [v.ok for v in verdicts[:7]] * 5
    assert store.asked < 12
    for verdict in verdicts:
        assert verdict.ok or all(issue.text and issue.fr for issue in verdict.issues)


async def test_a_fragment_leaves_other_codes_possible(desk: Desk, store: Counted) -> None:
    row = {**COLOURS, "url": URL + "fragment", "content": "fragment", "concept": [concept("a", "A")]}
    await desk.make("loader", row)
    terminology = Terminology(store)
    known, other = await terminology.validate_all([Coded(URL + "fragment", c) for c in "ab"])
    assert (known.ok, known.checked, known.issues) == (True, True, ())
    assert (other.ok, other.checked, other.issues[0].severity) == (True, False, "warning")


async def test_versions_that_are_asked(store: Counted) -> None:
    terminology = Terminology(store)
    assert (await terminology.validate(COLOUR, "red", version="2")).ok
    assert not (await terminology.validate(COLOUR, "red", version="3")).checked
    assert (await terminology.validate(COLOUR, "red", value_set=URL + "vs/reds|1")).ok
    assert not (await terminology.validate(COLOUR, "red", value_set=URL + "vs/reds|9")).checked


async def test_expansion_and_hierarchy(store: Counted) -> None:
    terminology = Terminology(store)
    found = await terminology.expand(await terminology.find_value_set(URL + "vs/reds"), Wanted(count=2))
    assert (found.total, [m.concept.code for m in found.members]) == (3, ["red", "crimson"])
    assert await terminology.subsumes(COLOUR, "colour", "crimson") == "subsumes"


@pytest.mark.parametrize("url", ["http://loinc.org/vs", "http://snomed.info/sct?fhir_vs=isa/73211009"])
async def test_value_sets_that_their_address_defines(store: Counted, url: str) -> None:
    found = await Terminology(store).find_value_set(url)
    assert found.includes[0].system in url
