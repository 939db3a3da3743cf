"""Whatever comes, a reader gives a value, or a refusal that says what and where in two languages."""

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem, problem
from tests.fuzz.mutation import LARGEST, mutated
from tests.fuzz.target import Target, check
from tests.fuzz.targets import TARGETS

BY_NAME = pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
SLICE = settings(
    max_examples=25,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WHOLE = settings(max_examples=4_000, suppress_health_check=list(HealthCheck))


def tried(target: Target, bounds: settings) -> int:
    """Runs a target on nearly valid inputs; gives how many."""
    seeds, count = target.seeds(), [0]

    @bounds
    @given(st.randoms(use_true_random=False))
    def run(random: Random) -> None:
        count[0] += 1
        target.run(mutated(random, seeds, target.words))

    run()
    return count[0]


@BY_NAME
def test_what_is_valid_is_read(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for seed in (*seeds, b""):
        target.run(seed)


@BY_NAME
def test_nearly_valid_input_gives_a_value_or_a_refusal(target: Target) -> None:
    assert tried(target, SLICE) > 1


@pytest.mark.whole
@BY_NAME
def test_much_nearly_valid_input_gives_a_value_or_a_refusal(target: Target) -> None:
    assert tried(target, WHOLE) > 1


def test_names_are_each_there_once() -> None:
    names = [target.name for target in TARGETS]
    assert len(set(names)) == len(names)


def test_what_is_made_is_bounded_and_the_same_for_the_same_seed() -> None:
    made = [mutated(Random(7), (b"a" * 10_000,), (b"b" * 10_000,)) for _ in range(2)]
    assert made[0] == made[1]
    assert max(len(mutated(Random(n), (b"a" * 300,), (b"b",))) for n in range(50)) <= LARGEST


@pytest.mark.parametrize("refusal", [problem("invalid", "a", "a", at="x"), problem("invalid", "a", "b")])
def test_a_refusal_without_a_second_language_or_a_place_would_be_seen(refusal: Problem) -> None:
    with pytest.raises(AssertionError):
        check(refusal)
