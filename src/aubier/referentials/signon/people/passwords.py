"""Passwords (scrypt), secrets (SHA-256 of 256 random bits) and the throttle on guessing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from datetime import timedelta

from aubier.access.actor import Context
from aubier.ground.chance import secret
from aubier.ground.problem import problem
from aubier.referentials.signon.settings import signon_settings

_BLOCK, _LANES = 8, 1
_MEMORY = 256 * 1024 * 1024
MAX_PASSWORD = 256


def digest(value: str) -> str:
    """What is kept of a random secret (cookie, code, refresh token, client secret): SHA-256, hexadecimal.

    Not for passwords: only a value of 256 random bits needs no salt and no work factor.
    """
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def same(a: str, b: str) -> bool:
    """Whether two texts are equal, in constant time."""
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode())


def hash_password(password: str, salt: str, cost: int = 1 << 15) -> str:
    """`scrypt$cost$salt$hash` of a password; `cost` is scrypt's N, a power of two."""
    raw = hashlib.scrypt(
        password.encode("utf-8", "replace"),
        salt=salt.encode(),
        n=cost,
        r=_BLOCK,
        p=_LANES,
        maxmem=_MEMORY,
        dklen=32,
    )
    return f"scrypt${cost}${salt}${base64.b64encode(raw).decode()}"


def password_matches(password: str, kept: str) -> bool:
    """Whether `password` gives `kept`; an unreadable `kept` matches nothing."""
    parts = kept.split("$")
    if len(parts) != 4 or parts[0] != "scrypt" or not (parts[1].isascii() and parts[1].isdecimal()):
        return False
    return same(hash_password(password, parts[2], int(parts[1])), kept)


async def check_password(ctx: Context, password: str, kept: str) -> bool:
    """`password_matches` off the event loop; without `kept` the same work is done for nothing.

    So that an unknown login takes as long as a wrong password.
    """
    cost = signon_settings(ctx.settings).scrypt_cost
    decoy = f"scrypt${cost}$none$none"
    matches = await asyncio.to_thread(password_matches, password[:MAX_PASSWORD], kept or decoy)
    return matches and bool(kept) and len(password) <= MAX_PASSWORD


async def new_password_hash(ctx: Context, password: str) -> str:
    """The hash to keep of a new password, salted. Raises Problem `value` under 12 or over 256 characters."""
    if not 12 <= len(password) <= MAX_PASSWORD:
        raise problem(
            "value",
            "A password has 12 to 256 characters",
            "Un mot de passe compte de 12 à 256 caractères",
            at="http.password",
        )
    cost = signon_settings(ctx.settings).scrypt_cost
    return await asyncio.to_thread(hash_password, password, secret(16), cost)


async def count_try(ctx: Context, what: str, most: int | None = None) -> None:
    """Counts one guess at `what` (a login, an address); raises Problem `throttled` past the bound."""
    limits = signon_settings(ctx.settings)
    start = ctx.now - timedelta(seconds=limits.tries_seconds)
    rows = await ctx.store.run("signon.count_try", digest(what), ctx.now, start)
    if rows[0]["tries"] > (most or limits.tries):
        refused = problem(
            "throttled",
            "Too many attempts: please wait a while",
            "Trop d'essais : patientez un moment",
            at="http.login",
        )
        refused.headers["Retry-After"] = str(limits.tries_seconds)
        raise refused


async def forget_tries(ctx: Context, login: str, address: str) -> None:
    """After a success: the count of the login starts again, that of the address forgets this one try only.

    Otherwise one good account would buy its address any number of guesses.
    """
    await ctx.store.run("signon.forget_tries", digest(login), digest(address))
