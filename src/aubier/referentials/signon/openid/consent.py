"""Asking the person before an application acts for them; what they let it do is kept, until withdrawn.

Rule: OpenID Connect Core 1.0 section 3.1.2.4; RFC 6749 section 10.2; GDPR art. 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from aubier.access.actor import Context
from aubier.access.scopes import Parsed
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.openid.words import said
from aubier.referentials.signon.people.pages import language, page
from aubier.referentials.signon.people.sessions import Session, check_form, cookie_name, csrf_token
from aubier.referentials.signon.realms import Realm
from aubier.referentials.signon.tokens.clients import Client

ASKED = "signon_asked"
DECIDED = "signon_decided"
UNKEPT = (ASKED, DECIDED, "csrf")
"""The fields of ours in an authorization request: all the others are the application's."""

YES, NO = "yes", "no"


def decision(request: Request) -> str:
    """`yes` or `no` when our own page posted what the person chose, else an empty text.

    Problem `forbidden` when a choice comes otherwise than from our page in this very session.
    """
    chosen = dict(request.form).get(DECIDED) if request.method == "POST" else None
    if chosen is None:
        return ""
    check_form(request, request.cookies.get(cookie_name(request.base_url), ""))
    return YES if chosen == YES else NO


def _words(scope: Parsed) -> list[str]:
    return sorted({*scope.plain, *map(str, scope.smart)})


async def lets(ctx: Context, client: Client, session: Session, scope: Parsed) -> bool:
    """Whether the person let this application do all this before."""
    return bool(await ctx.store.run("signon.lets", session.account.login, client.id, _words(scope)))


async def remember(ctx: Context, client: Client, session: Session, scope: Parsed, *, decided: str) -> None:
    """Keeps what the person chose: the scopes when it is yes; an audit line in either case."""
    if decided == YES:
        await ctx.store.run("signon.let", session.account.login, client.id, _words(scope), ctx.now)
    told = f"{session.account.login} {decided} {client.id}: {' '.join(_words(scope))}"
    await ctx.store.note("application", told, "ok" if decided == YES else "refused")


def consent_page(
    ctx: Context, request: Request, realm: Realm, client: Client, *, session: Session, scope: Parsed
) -> Response:
    """The question: which application, for whom, what it could do in plain words, two equal answers."""
    sent = [(n, v) for n, v in (request.form or request.query) if n not in UNKEPT or n == ASKED]
    back = dict(sent).get("redirect_uri", "")
    cookie = request.cookies.get(cookie_name(request.base_url), "")
    return page(
        ctx,
        request,
        "consent.html",
        next="/?" + urlencode({"redirect_uri": back}),
        action=realm.place("authorize"),
        fields=[*sent, ("csrf", csrf_token(cookie))],
        decided=DECIDED,
        client=client.name,
        person=session.account.name,
        kind=session.account.kind,
        host=urlsplit(back).netloc,
        said=said(scope, language(ctx, request)),
    )


async def list_consents(ctx: Context, login: str) -> list[Mapping[str, Any]]:
    """What a person lets applications do: rows of `client`, `name`, `scope` (words), `given_at`."""
    return await ctx.store.run("signon.consents", login)


async def withdraw_consent(ctx: Context, login: str, client: str) -> bool:
    """Ends what an application may do for a person, its tokens at once; False when it was let do nothing."""
    return bool(await ctx.store.run("signon.withdraw", login, client, ctx.now))
