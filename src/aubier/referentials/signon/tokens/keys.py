"""Signing keys and signed tokens: ES256, nothing else.

Keys are rows, so a copy of the database answers the same; `kid` is the RFC 7638 thumbprint.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from aubier.access.actor import Context

ALGORITHM = "ES256"
MAX_TOKEN = 8192
RETIRED_KEYS_LIVE = timedelta(days=1)
"""How long a retired key still verifies; longer than any access token lives."""

ACCESS_TYPE = "at+jwt"
"""The `typ` of an access token (RFC 9068): an ID token can never pass for one."""


@lru_cache(maxsize=64)
def _key(jwk: str) -> ECKey:
    return ECKey.import_key(json.loads(jwk))


async def signing_key(ctx: Context) -> Mapping[str, Any]:
    """The row (`kid`, `private`) that signs now; the first call of a new database makes it."""
    rows = await ctx.store.run("signon.signing_key")
    return rows[0] if rows else await new_key(ctx)


async def new_key(ctx: Context) -> Mapping[str, Any]:
    """Makes a new signing key and retires the others, which keep verifying for a day."""
    key = ECKey.generate_key("P-256")
    private, public = (json.dumps(key.as_dict(private=part)) for part in (True, False))
    rows = await ctx.store.run("signon.add_key", key.thumbprint(), private, public, ctx.now)
    return rows[0]


async def jwks(ctx: Context) -> dict[str, Any]:
    """The public keys that verify today, as a JWK Set."""
    await signing_key(ctx)
    rows = await ctx.store.run("signon.public_keys", ctx.now - RETIRED_KEYS_LIVE)
    shape = {"use": "sig", "alg": ALGORITHM}
    return {"keys": [{**json.loads(row["public"]), "kid": row["kid"], **shape} for row in rows]}


async def sign(ctx: Context, claims: dict[str, Any], typ: str) -> str:
    """A compact JWS of `claims` under the present key."""
    row = await signing_key(ctx)
    header = {"alg": ALGORITHM, "typ": typ, "kid": row["kid"]}
    return jwt.encode(header, claims, _key(row["private"]), algorithms=[ALGORITHM])


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims of a token whose signature is **not** verified; None when it has no such shape."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        return None
    head, body, _ = token.split(".")
    header, claims = _part(head), _part(body)
    return (header, claims) if header is not None and claims is not None else None


def _part(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def verified(token: str, public: str, typ: str) -> Mapping[str, Any] | None:
    """The claims of `token` when the key `public` (a JWK as text) signed it as a `typ` token, else None."""
    try:
        found_typ, claims = _opened(token, public)
    except (JoseError, ValueError, TypeError):
        return None
    return claims if found_typ == typ else None


@lru_cache(maxsize=2048)
def _opened(token: str, public: str) -> tuple[Any, Mapping[str, Any]]:
    # The same text under the same key always verifies alike, and an application sends its token many times.
    # What raises is not remembered, so that forged tokens push no good one out.
    found = jwt.decode(token, _key(public), algorithms=[ALGORITHM])
    return found.header.get("typ"), MappingProxyType(found.claims)


def seconds(moment: datetime) -> int:
    """Whole seconds of the epoch, as JWT counts time."""
    return int(moment.timestamp())
