"""The settings of sign-on, with their defaults and units."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class SignonSettings:
    """Lifetimes in seconds, bounds in counts, paths where one lands.

    A setting `signon_<name>` of the platform overrides each.

    `base_url` is the platform's `url`: never taken from a request, whose Host header anyone writes.
    Rule: transport security guide 1.2.0 (ANS): Pro Santé Connect access token 2 min, refresh 30 min,
    session 4 h or 30 min idle.
    """

    base_url: str = "http://127.0.0.1:8000"
    sandbox: bool = False
    access_seconds: int = 3600
    psc_access_seconds: int = 120
    code_seconds: int = 60
    refresh_seconds: int = 1800
    offline_seconds: int = 30 * 86400
    session_seconds: int = 4 * 3600
    idle_seconds: int = 1800
    skew_seconds: int = 60
    assertion_seconds: int = 300
    tries: int = 10
    tries_seconds: int = 900
    sessions_per_account: int = 20
    grants_per_client: int = 50
    scrypt_cost: int = 1 << 15
    citizen_home: str = "/citoyen"
    professional_home: str = "/pro"


_SHARED = ("base_url", "sandbox")
_DEFAULTS = SignonSettings()
_NAMED = tuple((f.name, f.name if f.name in _SHARED else f"signon_{f.name}") for f in fields(SignonSettings))


def signon_settings(settings: Any) -> SignonSettings:
    """The settings of this room, read from the platform's; what the platform does not name keeps its default.

    In the sandbox the professional realm's access token lives as long as the other unless set otherwise.
    """
    given = ((name, getattr(settings, named, None)) for name, named in _NAMED)
    found = {name: value for name, value in given if value is not None}
    if found.get("sandbox"):
        found.setdefault("psc_access_seconds", found.get("access_seconds", _DEFAULTS.access_seconds))
    found["base_url"] = address_of(settings)
    return SignonSettings(**found)


def address_of(settings: Any) -> str:
    """The `base_url` alone: every request asks."""
    named = getattr(settings, "url", "") or getattr(settings, "base_url", "")
    return str(named or _DEFAULTS.base_url).rstrip("/")


def skew_of(settings: Any) -> int:
    """The `skew_seconds` alone: every request asks."""
    given = getattr(settings, "signon_skew_seconds", None)
    return _DEFAULTS.skew_seconds if given is None else int(given)
