"""`aubier tour`: the hospital-discharge story over HTTP, step by step."""

from __future__ import annotations

from aubier.settings import Settings


async def play(settings: Settings, url: str | None) -> int:
    """placeholder"""
    raise NotImplementedError
