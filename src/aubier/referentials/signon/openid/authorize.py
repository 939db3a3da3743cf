"""The authorization endpoint: who asks, may they, who answers, and the way back.

Rule: RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700; OpenID Connect Core 1.0 section 3.1.2; SMART 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from aubier.access.actor import Context
from aubier.access.scopes import Parsed, granted, parse, refuse_unheld
from aubier.ground.chance import secret
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.openid.consent import (
    ASKED,
    UNKEPT,
    YES,
    consent_page,
    decision,
    lets,
    remember,
)
from aubier.referentials.signon.people.pages import problem_page
from aubier.referentials.signon.people.passwords import digest
from aubier.referentials.signon.people.sessions import Session, cookie_name, find_session
from aubier.referentials.signon.realms import LOGIN, Realm
from aubier.referentials.signon.refusal import NO_STORE, Refusal, single_values
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.clients import Client, find_client
from aubier.referentials.signon.tokens.grants import Grant, audience, keep_grant
from aubier.referentials.signon.tokens.keys import seconds, sign, verified

ACR_VALUES = ("eidas1", "eidas2", "eidas3")
MAX_STATE = 1024
NOTE_SECONDS = 3600
_PROMPTS = {"none", "login", "consent", "select_account"}
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed authorization request."""

    client: Client
    redirect_uri: str
    scope: Parsed
    state: str
    nonce: str
    challenge: str
    prompts: frozenset[str]
    max_age: int | None
    acr_values: tuple[str, ...]


async def authorize(realm: Realm, ctx: Context, request: Request) -> Response:
    """Answers an authorization request: a page, the login page, or the way back with a code or an error.

    Without a known application and an exact redirect address nothing is sent anywhere: a page says so.
    """
    try:
        values = single_values(request.form or request.query)
        client, redirect = await _way_back(ctx, values)
    except Refusal as refusal:
        return problem_page(ctx, request, _unreadable(refusal))
    except Problem as found:
        if found.kind not in ("not-found", "value"):
            raise
        return problem_page(ctx, request, found)
    try:
        asked = read_request(realm, values, client, audience(signon_settings(ctx.settings).base_url))
        return await _answer(realm, ctx, request, asked)
    except Problem as found:
        if found.kind != "forbidden":
            raise
        return problem_page(ctx, request, found)  # a form that is not ours: nothing was decided
    except Refusal as refusal:
        error = {"error": refusal.code, "error_description": refusal.text}
        return _back(realm, ctx, redirect, {**error, "state": values.get("state", "")[:MAX_STATE]})


def _unreadable(refusal: Refusal) -> Problem:
    return problem(
        "invalid",
        f"What the application asked cannot be read: {refusal.text}",
        f"La demande de l'application est illisible ({refusal.text})",
        at="http.query",
    )


async def _way_back(ctx: Context, values: Mapping[str, str]) -> tuple[Client, str]:
    client = await find_client(ctx, values.get("client_id", ""))
    if client is None:
        raise problem(
            "not-found",
            "This application is not registered here",
            "Cette application n'est pas enregistrée ici",
            at="http.client_id",
        )
    redirect = values.get("redirect_uri", "")
    if redirect not in client.redirects:
        raise problem(
            "value",
            "The application asked to return to an address that it did not register",
            "L'application demande un retour vers une adresse qu'elle n'a pas déclarée",
            at="http.redirect_uri",
            rule="RFC 9700 section 2.1",
        )
    return client, redirect


def read_request(realm: Realm, values: Mapping[str, str], client: Client, fhir_base: str) -> Asked:
    """The request once its application and redirect address are known. Pure.

    Raises Refusal with the code the application receives (RFC 6749 section 4.1.2.1).
    """
    _check_form(realm, values, fhir_base)
    try:
        scope = parse(values.get("scope", ""))
        refuse_unheld(scope)
    except Problem as found:
        raise Refusal("invalid_scope", found.issues[0].text) from found
    prompts = frozenset(values.get("prompt", "").split())
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise Refusal("invalid_request", "prompt cannot be read")
    max_age = values.get("max_age", "")
    if max_age and not (max_age.isascii() and max_age.isdecimal() and len(max_age) < 10):
        raise Refusal("invalid_request", "max_age is a number of seconds")
    return Asked(
        client,
        values.get("redirect_uri", ""),
        scope,
        values.get("state", ""),
        values.get("nonce", ""),
        _challenge(values, client),
        prompts,
        int(max_age) if max_age else None,
        tuple(values.get("acr_values", "").split()),
    )


def _check_form(realm: Realm, values: Mapping[str, str], fhir_base: str) -> None:
    if "request" in values:
        raise Refusal("request_not_supported", "request objects are not read")
    if "request_uri" in values:
        raise Refusal("request_uri_not_supported", "request objects are not fetched")
    if values.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "response_type is code")
    if values.get("response_mode", "query") != "query":
        raise Refusal("invalid_request", "response_mode is query")
    for name in ("state", "nonce"):
        if len(values.get(name, "")) > MAX_STATE:
            raise Refusal("invalid_request", f"{name} has at most {MAX_STATE} characters")
        if realm.strict and not values.get(name):
            raise Refusal("invalid_request", f"{name} is required in this realm")
    # SMART: an application tells which server it means, so that it cannot be led to a false one.
    if values.get("aud", fhir_base).rstrip("/") != fhir_base:
        raise Refusal("invalid_request", "aud is not the FHIR base of this server")


def _challenge(values: Mapping[str, str], client: Client) -> str:
    challenge, method = values.get("code_challenge", ""), values.get("code_challenge_method", "plain")
    if challenge and method != "S256":
        raise Refusal("invalid_request", "code_challenge_method is S256")
    if challenge and not _CHALLENGE.fullmatch(challenge):
        raise Refusal("invalid_request", "code_challenge is the base64url of a SHA-256")
    if not challenge and (client.public or "code_challenge_method" in values):
        raise Refusal("invalid_request", "code_challenge is required (PKCE, S256)")
    return challenge


async def _answer(realm: Realm, ctx: Context, request: Request, asked: Asked) -> Response:
    session = await find_session(ctx, request.cookies.get(cookie_name(request.base_url), ""))
    if session and await _enough(realm, ctx, request, asked, session):
        scope = _grantable(asked, session)
        if not await _let(ctx, request, asked, session, scope):
            return consent_page(ctx, request, realm, asked.client, session=session, scope=scope)
        return await _grant(realm, ctx, asked, session, scope)
    if "none" in asked.prompts:
        raise Refusal("login_required", "nobody is signed in")
    return await _to_login(realm, ctx, request)


async def _let(ctx: Context, request: Request, asked: Asked, session: Session, scope: Parsed) -> bool:
    """Whether the person lets the application do this: now, before, or because it is our own."""
    if asked.client.first_party:
        return True
    decided = decision(request)
    if decided:
        await remember(ctx, asked.client, session, scope, decided=decided)
        if decided != YES:
            raise Refusal("access_denied", "the person refused")
        return True
    if "consent" not in asked.prompts and await lets(ctx, asked.client, session, scope):
        return True
    if "none" in asked.prompts:
        raise Refusal("consent_required", "the person must be asked")
    return False


async def _enough(realm: Realm, ctx: Context, request: Request, asked: Asked, session: Session) -> bool:
    if session.account.kind not in realm.kinds:
        return False
    if asked.max_age is not None and ctx.now - session.opened_at > timedelta(seconds=asked.max_age):
        return False
    if not asked.prompts & {"login", "select_account"}:
        return True
    since = await _asked_since(ctx, request)
    return since is not None and seconds(session.opened_at) >= since


async def _asked_since(ctx: Context, request: Request) -> int | None:
    """When this browser was sent to sign in again for this very request: our signed note in the address."""
    note = request.one(ASKED)
    if not 0 < len(note) < 1024:
        return None
    rows = await ctx.store.run("signon.public_keys", ctx.now)
    claims = next((c for row in rows if (c := verified(note, row["public"], "asked+jwt"))), None)
    if claims is None or claims["for"] != digest(urlencode(_kept(request))):
        return None
    return claims["iat"] if 0 <= seconds(ctx.now) - claims["iat"] <= NOTE_SECONDS else None


def _kept(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in (request.form or request.query) if name not in UNKEPT]


async def _to_login(realm: Realm, ctx: Context, request: Request) -> Response:
    kept = _kept(request)
    # Bound to the request: a note of another one, got beforehand, would let its holder skip `prompt=login`.
    note = await sign(ctx, {"iat": seconds(ctx.now), "for": digest(urlencode(kept))}, "asked+jwt")
    back = f"{realm.place('authorize')}?{urlencode([*kept, (ASKED, note)])}"
    place = urlencode({"next": back, "realm": realm.name})
    return Response(303, headers={"Location": f"{LOGIN}?{place}", **NO_STORE})


def _grantable(asked: Asked, session: Session) -> Parsed:
    try:
        scope = granted(asked.scope, session.account.kind, parse(asked.client.scope))
    except Problem as found:
        raise Refusal("invalid_scope", found.issues[0].text) from found
    if not str(scope):
        raise Refusal("invalid_scope", "nothing of what was asked can be granted")
    return scope


async def _grant(realm: Realm, ctx: Context, asked: Asked, session: Session, scope: Parsed) -> Response:
    offline = "offline_access" in scope.plain
    limits = signon_settings(ctx.settings)
    until = ctx.now + timedelta(seconds=limits.offline_seconds) if offline else session.expires_at
    code = secret()
    grant = Grant(
        asked.client.id,
        realm.name,
        str(scope),
        session.account.login,
        session.sid,
        asked.nonce,
        reached_acr(asked.acr_values, session.acr),
        session.opened_at,
        asked.redirect_uri,
        asked.challenge,
        offline,
    )
    await keep_grant(ctx, grant, until, code)
    return _back(realm, ctx, asked.redirect_uri, {"code": code, "state": asked.state})


def reached_acr(asked: tuple[str, ...], proven: str) -> str:
    """The first asked eIDAS level that the sign-in reached, else the level it has."""
    reached = ACR_VALUES[: ACR_VALUES.index(proven) + 1] if proven in ACR_VALUES else ()
    return next((acr for acr in asked if acr in reached), proven)


def _back(realm: Realm, ctx: Context, redirect: str, values: Mapping[str, str]) -> Response:
    told = {name: value for name, value in values.items() if value}
    issuer = realm.issuer(signon_settings(ctx.settings).base_url)
    mark = "&" if "?" in redirect else "?"
    place = f"{redirect}{mark}{urlencode({**told, 'iss': issuer})}"
    return Response(303, headers={"Location": place, "Referrer-Policy": "no-referrer", **NO_STORE})
