"""What stands behind a token, and ending it: userinfo, introspection, revocation, sign-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aubier.access.actor import Context
from aubier.ground.problem import Problem
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.openid.exchange import audiences
from aubier.referentials.signon.people.accounts import Account
from aubier.referentials.signon.people.pages import language, page
from aubier.referentials.signon.people.passwords import digest
from aubier.referentials.signon.people.sessions import (
    Session,
    check_form,
    close_session,
    cookie_name,
    csrf_token,
    find_session,
    session_cookie,
)
from aubier.referentials.signon.realms import Realm
from aubier.referentials.signon.refusal import (
    NO_STORE,
    OPEN,
    Refusal,
    invalid_login,
    json_response,
    oauth_answer,
    single_values,
)
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.claims import citizen_claims, professional_claims, subject_of
from aubier.referentials.signon.tokens.clients import Client, authenticated_client, find_client
from aubier.referentials.signon.tokens.grants import Bearer, read_bearer
from aubier.referentials.signon.tokens.keys import RETIRED_KEYS_LIVE, peek, seconds, verified


async def userinfo(realm: Realm, ctx: Context, request: Request) -> Response:
    """Who signed in, for the bearer of an access token with `openid`. Rule: OpenID Connect Core 5.3."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise invalid_login()
        bearer = await read_bearer(ctx, token.strip())
        if bearer.realm is not realm or bearer.account is None:
            raise invalid_login()
    except Problem as found:
        if found.kind != "login":
            raise
        error = {"error": "invalid_token", "error_description": found.issues[0].text}
        return json_response(error, 401, **found.headers)
    if "openid" not in bearer.scopes.plain:
        challenge = 'Bearer error="insufficient_scope", scope="openid"'
        return json_response({"error": "insufficient_scope"}, 403, **{"WWW-Authenticate": challenge})
    return json_response(await _about(ctx, bearer, bearer.account))


async def _about(ctx: Context, bearer: Bearer, account: Account) -> dict[str, Any]:
    asked = bearer.scopes.plain
    about: dict[str, Any] = {"sub": subject_of(account, bearer.realm)}
    if account.kind == "professional":
        about |= professional_claims(account, asked)
    elif account.kind == "citizen":
        sandbox = signon_settings(ctx.settings).sandbox
        about |= citizen_claims(account, await _own_patient(ctx, bearer), asked, sandbox=sandbox)
    else:
        about |= {"preferred_username": account.login, "name": account.name}
    if "fhirUser" in asked and account.reference:
        about["fhirUser"] = f"{bearer.claims['aud']}/{account.reference}"
    return about


async def _own_patient(ctx: Context, bearer: Bearer) -> dict[str, Any] | None:
    # Read in the name of sign-on, with its audit line: the application's own scopes may cover no FHIR data.
    try:
        return await ctx.store.as_system("signon").read("Patient", bearer.actor.patient)
    except Problem as found:
        if found.kind in ("not-found", "deleted"):
            return None
        raise


@oauth_answer
async def introspect(realm: Realm, ctx: Context, request: Request) -> Response:
    """What a token stands for, to an application that proved who it is. Rule: RFC 7662.

    Anything but a living token of this realm answers `{"active": false}` and nothing more.
    """
    form, _ = await _proven(realm, ctx, request)
    token = form.get("token", "")
    found = await _active_access(realm, ctx, token) or await _active_refresh(realm, ctx, token)
    return json_response(found or {"active": False})


async def _proven(realm: Realm, ctx: Context, request: Request) -> tuple[Mapping[str, str], Client]:
    form = single_values(request.form)
    base_url = signon_settings(ctx.settings).base_url
    places = (*audiences(realm, base_url), *(base_url + realm.place(e) for e in ("introspect", "revoke")))
    client = await authenticated_client(ctx, request, form, places)
    if client.public and request.path == realm.place("introspect"):
        raise Refusal("invalid_client", "client authentication failed", 401)
    if "token" not in form:
        raise Refusal("invalid_request", "token is missing")
    return form, client


async def _active_access(realm: Realm, ctx: Context, token: str) -> dict[str, Any] | None:
    bearer = await _living(ctx, token)
    if bearer is None or bearer.realm is not realm:
        return None
    names = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "azp", "scope", "acr", "sid")
    told = {name: bearer.claims[name] for name in names if name in bearer.claims}
    if bearer.account:
        name = bearer.account.national_id or bearer.account.login
        told |= {"username": name, "preferred_username": name}
    if bearer.account and bearer.account.national_id:
        told["SubjectNameID"] = bearer.account.national_id
    nonce = {"nonce": bearer.grant.nonce} if bearer.grant.nonce else {}
    return {"active": True, "typ": "Bearer", "token_type": "Bearer", **told, **nonce}


async def _active_refresh(realm: Realm, ctx: Context, token: str) -> dict[str, Any] | None:
    rows = await ctx.store.run("signon.refresh", digest(token), ctx.now)
    if not rows or rows[0]["realm"] != realm.name:
        return None
    row = rows[0]
    until = min(row["token_until"], row["expires_at"])
    spent = row["used_at"] is not None or row["revoked_at"] is not None or until <= ctx.now
    if spent or not (row["offline"] or row["session_open"]):
        return None
    told = {"client_id": row["client"], "scope": row["scope"], "exp": seconds(until)}
    return {"active": True, "typ": "Refresh", "iss": realm.issuer(_base(ctx)), **told}


def _base(ctx: Context) -> str:
    return signon_settings(ctx.settings).base_url


@oauth_answer
async def revoke(realm: Realm, ctx: Context, request: Request) -> Response:
    """Ends what a token stands on, access and refresh tokens alike. Rule: RFC 7009.

    A token that is not known here is no error; one of another client is.
    """
    form, client = await _proven(realm, ctx, request)
    token = form["token"]
    rows = await ctx.store.run("signon.refresh", digest(token), ctx.now)
    owner, gid = (rows[0]["client"], rows[0]["gid"]) if rows else await _owner(ctx, token)
    if gid and owner != client.id:
        raise Refusal("unauthorized_client", "the token is another client's")
    if gid:
        await ctx.store.run("signon.revoke", gid, ctx.now)
    return Response(200, headers={**NO_STORE, **OPEN})


async def _owner(ctx: Context, token: str) -> tuple[str, str]:
    bearer = await _living(ctx, token)
    return (bearer.grant.client, bearer.grant.gid) if bearer else ("", "")


async def _living(ctx: Context, token: str) -> Bearer | None:
    try:
        return await read_bearer(ctx, token)
    except Problem as found:
        if found.kind == "login":
            return None
        raise


async def log_out(realm: Realm, ctx: Context, request: Request) -> Response:
    """Signs out, at an application's wish or from our own pages. Rule: OpenID RP-Initiated Logout 1.0.

    With an `id_token_hint` of the very session it is done at once; otherwise the person is asked, so that no
    other site can sign them out. The way back is one of the application's registered addresses, or `/`.
    """
    cookie = request.cookies.get(cookie_name(request.base_url), "")
    session = await find_session(ctx, cookie)
    hint = await _hint(realm, ctx, request.one("id_token_hint"))
    place = await _after(ctx, request, hint)
    if session and not (hint and hint.get("sid") == session.sid):
        try:
            check_form(request, cookie)
        except Problem:
            return _ask(realm, ctx, request, session, cookie)
    await close_session(ctx, cookie)
    gone = session_cookie(request, "", 0)
    return Response(303, headers={"Location": place, **NO_STORE}, cookies=(gone,))


async def _hint(realm: Realm, ctx: Context, token: str) -> Mapping[str, Any] | None:
    if not token or not peek(token):
        return None
    rows = await ctx.store.run("signon.public_keys", ctx.now - RETIRED_KEYS_LIVE)
    claims = next((c for row in rows if (c := verified(token, row["public"], "JWT"))), None)
    # An expired ID token still tells which session is meant.
    return claims if claims and claims.get("iss") == realm.issuer(_base(ctx)) else None


async def _after(ctx: Context, request: Request, hint: Mapping[str, Any] | None) -> str:
    wanted = request.one("post_logout_redirect_uri")
    asking = str(hint.get("aud")) if hint else request.one("client_id")
    client = await find_client(ctx, asking) if wanted else None
    if client is None or wanted not in client.after_logout:
        return "/"
    state = request.one("state")[:1024]
    mark = "&" if "?" in wanted else "?"
    return f"{wanted}{mark}{urlencode({'state': state})}" if state else wanted


def _ask(realm: Realm, ctx: Context, request: Request, session: Session, cookie: str) -> Response:
    english = language(ctx, request) == "en"
    kept = {name: request.one(name)[:4096] for name in ("client_id", "post_logout_redirect_uri", "state")}
    name = session.account.name
    return page(
        ctx,
        request,
        "message.html",
        next="/?" + urlencode({"redirect_uri": kept["post_logout_redirect_uri"]}),
        title="Sign out?" if english else "Se déconnecter ?",
        text=f"{name} is signed in here." if english else f"La session de {name} est ouverte ici.",
        form={
            "action": realm.place("logout"),
            "fields": {"csrf": csrf_token(cookie), **{k: v for k, v in kept.items() if v}},
            "label": "Sign out" if english else "Se déconnecter",
        },
        link="/",
    )
