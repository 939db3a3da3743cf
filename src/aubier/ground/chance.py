"""Randomness as an argument: identifiers and secrets come from here, or from a seed in tests."""

from __future__ import annotations

import random
import secrets
import uuid
from collections.abc import Callable

Ids = Callable[[], str]
"""Gives a new logical id: a lower-case UUID."""


def random_ids() -> str:
    """A version 4 UUID: carries no time and no place, so two ids never betray one person."""
    return str(uuid.uuid4())


def seeded_ids(seed: int | str) -> Ids:
    """The same sequence of UUIDs for the same seed."""
    source = random.Random(seed)
    return lambda: str(uuid.UUID(int=source.getrandbits(128), version=4))


def secret(size: int = 32) -> str:
    """A URL-safe secret of `size` random bytes."""
    return secrets.token_urlsafe(size)
