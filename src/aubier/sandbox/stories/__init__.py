"""The stories: families one can log in as, with their rights as data and a README in French and English."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from aubier.sandbox.batch import (
    Account,
    Batch,
    Delegation,
    Mask,
    NationalIdentity,
    Relationship,
)
from aubier.sandbox.clinical.documents import Writer
from aubier.sandbox.stories import chronic, discharge, elderly, extras, homonyms, newborn, teenager
from aubier.sandbox.stories.cast import Cast
from aubier.sandbox.stories.story import Setting, Stage, Story
from aubier.sandbox.territory.carers import Directory
from aubier.sandbox.territory.households import Registry

__all__ = [
    "STORIES",
    "Account",
    "Delegation",
    "Mask",
    "NationalIdentity",
    "Relationship",
    "Story",
    "play",
]

STORIES: tuple[Story, ...] = (
    newborn.STORY,
    chronic.STORY,
    discharge.STORY,
    elderly.STORY,
    teenager.STORY,
    homonyms.STORY,
    extras.STORY,
)
"""Every story, in load order. Always build them all: each takes its birth numbers before the next."""


def play(
    seed: int | str, today: date, *, directory: Directory, registry: Registry, writer: Writer, cast: Cast
) -> Iterator[Batch]:
    """One batch for the accounts of professionals and `admin`, then one batch per story."""
    yield Batch("stories/cast", accounts=cast.accounts())
    setting = Setting(seed, today, directory, registry, writer, cast)
    for story in STORIES:
        yield story.build(Stage(setting, story.key, Batch(f"stories/{story.key}")))
