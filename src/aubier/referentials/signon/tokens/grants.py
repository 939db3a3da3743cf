"""What is granted to an application, the tokens that carry it, and reading them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, TypeGuard

from aubier.access.actor import Actor, Context
from aubier.access.scopes import Parsed, parse
from aubier.ground.chance import random_ids, secret
from aubier.ground.standing import Stands
from aubier.referentials.signon.people.accounts import Account, account_of, actor_of
from aubier.referentials.signon.people.passwords import digest
from aubier.referentials.signon.realms import PROFESSIONAL, REALMS, Realm
from aubier.referentials.signon.refusal import invalid_login
from aubier.referentials.signon.settings import address_of, signon_settings, skew_of
from aubier.referentials.signon.tokens.claims import half_hash, subject_of
from aubier.referentials.signon.tokens.keys import (
    ACCESS_TYPE,
    MAX_TOKEN,
    RETIRED_KEYS_LIVE,
    peek,
    seconds,
    sign,
    verified,
)

NEVER = datetime.min.replace(tzinfo=UTC)
"""Before any time there is: a grant not kept yet gives nothing."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an application was given, by whom; tokens point at it, so ending it ends them all.

    `login` is empty when the application acts for itself. `sid` is empty without a browser session.
    """

    client: str
    realm: str
    scope: str
    login: str = ""
    sid: str = ""
    nonce: str = ""
    acr: str = ""
    auth_time: datetime = NEVER
    redirect_uri: str = ""
    challenge: str = ""
    offline: bool = False
    gid: str = ""
    expires_at: datetime = NEVER


_FIELDS = tuple(Grant.__slots__)
_LAST_SECOND = seconds(datetime.max.replace(tzinfo=UTC))


def grant_of(row: Mapping[str, Any]) -> Grant:
    """The grant in a row."""
    return Grant(**{name: row[name] for name in _FIELDS})


async def keep_grant(ctx: Context, grant: Grant, until: datetime, code: str | None = None) -> Grant:
    """Keeps a new grant until `until`, with its authorization code when there is one."""
    limits = signon_settings(ctx.settings)
    code_until = ctx.now + timedelta(seconds=limits.code_seconds) if code else None
    rows = await ctx.store.run(
        "signon.add_grant",
        *(random_ids(), grant.sid, grant.login, grant.client, grant.realm, grant.scope, grant.nonce),
        *(grant.acr, grant.auth_time, grant.redirect_uri, grant.challenge),
        *(digest(code) if code else None, code_until, ctx.now, until, grant.offline),
        limits.grants_per_client - 1,
    )
    return grant_of(rows[0])


def audience(base_url: str) -> str:
    """For whom access tokens are made: every API of the platform, named by its FHIR base."""
    return f"{base_url}/fhir"


async def access_token(ctx: Context, grant: Grant, subject: str, scope: str = "") -> tuple[str, int]:
    """A signed access token under a grant and its lifetime in seconds. Rule: RFC 9068 section 2."""
    limits, realm = signon_settings(ctx.settings), REALMS[grant.realm]
    wanted = limits.psc_access_seconds if realm is PROFESSIONAL else limits.access_seconds
    life = max(1, min(wanted, seconds(grant.expires_at) - seconds(ctx.now)))
    claims = {
        "iss": realm.issuer(limits.base_url),
        "sub": subject,
        "aud": audience(limits.base_url),
        "iat": seconds(ctx.now),
        "exp": seconds(ctx.now) + life,
        "jti": random_ids(),
        "gid": grant.gid,
        "client_id": grant.client,
        "azp": grant.client,
        "scope": scope or grant.scope,
        "acr": grant.acr,
        **({"sid": grant.sid} if grant.sid else {}),
    }
    return await sign(ctx, claims, ACCESS_TYPE), life


async def id_token(ctx: Context, grant: Grant, account: Account, access: str) -> str:
    """The ID token of a sign-in. Rule: OpenID Connect Core 1.0 section 2; SMART 2.2 `fhirUser`."""
    limits, realm = signon_settings(ctx.settings), REALMS[grant.realm]
    asked = parse(grant.scope).plain
    claims = {
        "iss": realm.issuer(limits.base_url),
        "sub": subject_of(account, realm),
        "aud": grant.client,
        "azp": grant.client,
        "iat": seconds(ctx.now),
        "exp": seconds(ctx.now) + 300,
        "auth_time": seconds(grant.auth_time),
        "acr": grant.acr,
        "sid": grant.sid,
        "at_hash": half_hash(access),
        **({"nonce": grant.nonce} if grant.nonce else {}),
    }
    if "fhirUser" in asked and account.reference:
        claims["fhirUser"] = f"{audience(limits.base_url)}/{account.reference}"
    return await sign(ctx, claims, "JWT")


async def add_refresh(ctx: Context, grant: Grant) -> str:
    """The first refresh token of a grant."""
    token = secret()
    await ctx.store.run("signon.add_refresh", digest(token), grant.gid, ctx.now, refresh_until(ctx, grant))
    return token


def refresh_until(ctx: Context, grant: Grant) -> datetime:
    """When a refresh token given now stops working: never after its grant."""
    limits = signon_settings(ctx.settings)
    life = limits.offline_seconds if grant.offline else limits.refresh_seconds
    return min(grant.expires_at, ctx.now + timedelta(seconds=life))


@dataclass(frozen=True)
class Bearer:
    """A good access token: its claims, its grant, its account (None for an application of its own)."""

    claims: Mapping[str, Any]
    grant: Grant
    account: Account | None
    client_name: str
    realm: Realm

    @property
    def scopes(self) -> Parsed:
        """What this very token may do; a refreshed token may hold less than its grant."""
        return parse(self.claims["scope"])

    @cached_property
    def actor(self) -> Actor:
        """On whose behalf the bearer acts."""
        scopes, grant = tuple(str(self.scopes).split()), self.grant.gid
        if self.account:
            return replace(actor_of(self.account, client=self.grant.client, scopes=scopes), grant=grant)
        name = f"system:{self.grant.client}"
        return Actor(
            "system",
            name,
            self.client_name,
            keys=(name,),
            client=self.grant.client,
            scopes=scopes,
            purpose="HSYSADMIN",
            grant=grant,
        )


async def read_bearer(ctx: Context, token: str) -> Bearer:
    """What an access token stands on; see `judge`."""
    return (await judge(ctx, token))[0]


async def judge(ctx: Context, token: str) -> tuple[Bearer, Stands, datetime]:
    """The same, with the marks of what it stands on and when that, or the token, ends by itself.

    Raises Problem `login`: expired, or not valid; never why. Checked: shape, ES256 signature by one of our
    keys, `typ`, issuer, audience, times, and in the same read that the grant, its session, its account and
    its client still live.
    """
    named = _named(token) if len(token) <= MAX_TOKEN else None
    if named is None:
        raise invalid_login()
    rows = await ctx.store.run("signon.bearer", *named, ctx.now, ctx.now - RETIRED_KEYS_LIVE)
    if not rows:
        raise invalid_login()
    row = dict(rows[0])
    stands, until = Stands(tuple(row.pop("places")), row.pop("mark")), row.pop("until")
    bearer = _standing(token, address_of(ctx.settings), tuple(row.items()))
    _refuse_untimely(ctx, bearer)
    return bearer, stands, min(until, datetime.fromtimestamp(min(bearer.claims["exp"], _LAST_SECOND), UTC))


@lru_cache(maxsize=512)
def _named(token: str) -> tuple[str, str] | None:
    """The key and the grant that a token names, which nothing proves yet: an application sends it often."""
    header, body = peek(token) or ({}, {})
    kid, gid = header.get("kid"), body.get("gid")
    return (kid, gid) if _word(kid) and _word(gid) else None


def _word(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isascii() and value.isprintable()


@lru_cache(maxsize=2048)
def _standing(token: str, base_url: str, columns: tuple[tuple[str, Any], ...]) -> Bearer:
    """What a token stands on, whatever the moment. Problem (login) for one that is not good.

    A text under the same row is judged alike each time, and an application sends its token many times. What
    raises is not remembered, so that forged tokens push no good one out.
    """
    row = dict(columns)
    claims = verified(token, row["public"], ACCESS_TYPE)
    if not claims or claims.get("aud") != audience(base_url):
        raise invalid_login()
    realm = next((r for r in REALMS.values() if r.issuer(base_url) == claims.get("iss")), None)
    if realm is None or not _lives(row, claims, realm):
        raise invalid_login()
    account = account_of(row) if row["login"] else None
    return Bearer(claims, grant_of(row), account, row["client_name"] or row["client"], realm)


def _lives(row: Mapping[str, Any], claims: Mapping[str, Any], realm: Realm) -> bool:
    return not (
        row["gid"] is None
        or row["revoked_at"] is not None
        or row["realm"] != realm.name
        or row["client"] != claims.get("client_id")
        or (row["login"] and not row["active"])
        or (row["sid"] and not row["offline"] and not row["session_open"])
    )


def _refuse_untimely(ctx: Context, bearer: Bearer) -> None:
    """Problem (login) unless the token and its grant are of this moment."""
    given, until = bearer.claims.get("iat"), bearer.claims.get("exp")
    now = ctx.now.timestamp()
    if not isinstance(given, int) or not isinstance(until, int) or given > int(now) + skew_of(ctx.settings):
        raise invalid_login()
    if until <= int(now) or bearer.grant.expires_at <= ctx.now:
        raise invalid_login(expired=True)
