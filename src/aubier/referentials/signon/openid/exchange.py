"""The token endpoint: a code, a refresh token or an application's own proof becomes tokens.

Rule: RFC 6749 sections 4.1.3, 4.4, 6; RFC 7636 section 4.6; RFC 9700 section 4.14 (rotation, reuse).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from aubier.access.actor import Context
from aubier.access.scopes import CEILINGS, Parsed, narrow, parse, refuse_unheld
from aubier.ground.chance import secret
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.people.accounts import Account, find_account
from aubier.referentials.signon.people.passwords import digest, same
from aubier.referentials.signon.realms import PROFESSIONAL, REALMS, Realm
from aubier.referentials.signon.refusal import Refusal, json_response, oauth_answer, single_values
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.claims import subject_of
from aubier.referentials.signon.tokens.clients import Client, authenticated_client
from aubier.referentials.signon.tokens.grants import (
    Grant,
    access_token,
    add_refresh,
    grant_of,
    id_token,
    keep_grant,
    refresh_until,
)

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)


def audiences(realm: Realm, base_url: str) -> tuple[str, ...]:
    """What a client assertion may be addressed to: the token endpoint or the issuer."""
    return (base_url + realm.place("token"), realm.issuer(base_url))


@oauth_answer
async def exchange(realm: Realm, ctx: Context, request: Request) -> Response:
    """Answers a token request, or refuses it in OAuth's form."""
    form = single_values(request.form)
    run = GRANT_TYPES.get(form.get("grant_type", ""))
    if run is None:
        raise _no_grant_type("grant_type" in form)
    base_url = signon_settings(ctx.settings).base_url
    client = await authenticated_client(ctx, request, form, audiences(realm, base_url))
    return json_response(await run(realm, ctx, client, form))


async def _by_code(realm: Realm, ctx: Context, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    code = form.get("code", "")
    rows = await ctx.store.run("signon.use_code", digest(code), client.id, ctx.now)
    if not rows:
        # A code that comes twice was stolen once: what it gave ends.
        await ctx.store.run("signon.end_replayed", digest(code), ctx.now)
        raise _bad_grant()
    grant = grant_of(rows[0])
    account = await find_account(ctx, grant.login)
    fits = grant.realm == realm.name and same(grant.redirect_uri, form.get("redirect_uri", ""))
    if not (account and fits and proves(form.get("code_verifier", ""), grant.challenge)):
        await ctx.store.run("signon.revoke", grant.gid, ctx.now)
        raise _bad_grant()
    return await _answer(ctx, grant, account, refresh=await _first_refresh(ctx, realm, grant))


def proves(verifier: str, challenge: str) -> bool:
    """Whether a PKCE verifier answers the challenge; without challenge there must be no verifier either.

    Rule: RFC 9700 section 2.1.1: a verifier to a code without challenge is a downgrade, refused.
    """
    if not challenge:
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return same(made, challenge)


async def _first_refresh(ctx: Context, realm: Realm, grant: Grant) -> str | None:
    asked = grant.offline or realm.strict or "online_access" in parse(grant.scope).plain
    return await add_refresh(ctx, grant) if asked else None


async def _by_refresh(realm: Realm, ctx: Context, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    token = form.get("refresh_token", "")
    rows = await ctx.store.run("signon.refresh", digest(token), ctx.now)
    if not rows or rows[0]["client"] != client.id or rows[0]["realm"] != realm.name:
        raise _bad_grant()
    row, grant = rows[0], grant_of(rows[0])
    account = await find_account(ctx, grant.login)
    alive = row["revoked_at"] is None and row["token_until"] > ctx.now and grant.expires_at > ctx.now
    if not (account and alive and (grant.offline or row["session_open"])):
        raise _bad_grant()
    scope = _same_or_less(form.get("scope", ""), grant.scope)
    new, until = secret(), refresh_until(ctx, grant)
    if not await ctx.store.run("signon.rotate", digest(token), digest(new), ctx.now, until):
        # Used already: somebody holds a copy. Nobody can tell who, so both lose it.
        await ctx.store.run("signon.revoke", grant.gid, ctx.now)
        raise _bad_grant()
    return await _answer(ctx, grant, account, refresh=new, scope=scope)


def _same_or_less(asked: str, given: str) -> str:
    if not asked:
        return given
    wanted, had = parse(asked), parse(given)
    refuse_unheld(wanted)
    smart = narrow(wanted.smart, had.smart)
    if wanted.unknown or set(wanted.plain) - set(had.plain) or set(smart) != set(wanted.smart):
        raise Refusal("invalid_scope", "more than was granted")
    return str(Parsed(smart, wanted.plain))


async def _by_itself(realm: Realm, ctx: Context, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    if client.public:
        raise Refusal("unauthorized_client", "a public client cannot act for itself")
    asked = parse(form.get("scope", "") or client.scope)
    refuse_unheld(asked)
    smart = narrow(narrow(asked.smart, CEILINGS["system"]), parse(client.scope).smart)
    if not smart:
        raise Refusal("invalid_scope", "no system scope of what was asked is registered for this client")
    until = ctx.now + timedelta(seconds=signon_settings(ctx.settings).access_seconds)
    grant = await keep_grant(ctx, Grant(client.id, realm.name, str(Parsed(smart)), auth_time=ctx.now), until)
    return await _answer(ctx, grant, None)


async def _answer(
    ctx: Context, grant: Grant, account: Account | None, *, refresh: str | None = None, scope: str = ""
) -> dict[str, Any]:
    realm, plain = REALMS[grant.realm], parse(scope or grant.scope).plain
    subject = subject_of(account, realm) if account else grant.client
    token, life = await access_token(ctx, grant, subject, scope)
    answer: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": life,
        "scope": scope or grant.scope,
    }
    if refresh:
        answer["refresh_token"] = refresh
        if realm is PROFESSIONAL:
            answer["refresh_expires_in"] = int((refresh_until(ctx, grant) - ctx.now).total_seconds())
    if account and "openid" in plain:
        answer["id_token"] = await id_token(ctx, grant, account, token)
    if account and account.kind == "citizen" and "launch/patient" in plain:
        answer["patient"] = account.reference.removeprefix("Patient/")
    return answer


def _no_grant_type(named: bool) -> Refusal:
    if named:
        return Refusal("unsupported_grant_type", f"grant_type is one of {', '.join(GRANT_TYPES)}")
    return Refusal(
        "invalid_request", "grant_type is missing: send a form (application/x-www-form-urlencoded)"
    )


def _bad_grant() -> Refusal:
    return Refusal("invalid_grant", "the code or token is not valid, was used, or is another client's")


GRANT_TYPES: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh,
    "client_credentials": _by_itself,
}
"""What the token endpoint takes."""
