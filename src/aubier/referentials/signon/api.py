"""What other rooms, `rest`, the portals and the command line may ask of sign-on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aubier.access.actor import Actor, Context
from aubier.access.scopes import CEILINGS, Parsed, narrow, parse, refuse_unheld, refuse_unknown
from aubier.ground.problem import Problem, problem
from aubier.referentials.signon.openid.consent import list_consents, withdraw_consent
from aubier.referentials.signon.openid.words import said
from aubier.referentials.signon.people.accounts import (
    Account,
    account_of,
    actor_of,
    add_account,
    close_account,
    find_account,
    list_accounts,
)
from aubier.referentials.signon.people.sessions import (
    check_form,
    close_session,
    cookie_name,
    csrf_token,
    csrf_valid,
    find_session,
    login_form,
    open_session,
)
from aubier.referentials.signon.realms import LOGIN, PLATFORM
from aubier.referentials.signon.refusal import is_expired
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.claims import subject_of
from aubier.referentials.signon.tokens.clients import (
    Client,
    add_client,
    find_client,
    list_clients,
    remove_client,
)
from aubier.referentials.signon.tokens.door_keys import add_door_key, authenticate_key
from aubier.referentials.signon.tokens.grants import Grant, access_token, judge, keep_grant
from aubier.referentials.signon.tokens.keys import new_key
from aubier.referentials.signon.tokens.lately import Lately
from aubier.referentials.signon.tokens.refused import note_refused

COMMAND_LINE = "aubier-cli"
"""The client id of tokens made by `aubier token`."""
_OURS = "aubier"
"""The client of the platform's own actors and pages."""

__all__ = [
    "COMMAND_LINE",
    "LOGIN",
    "Account",
    "Client",
    "Lately",
    "account_of",
    "actor_of",
    "add_account",
    "add_client",
    "add_door_key",
    "authenticate",
    "authenticate_key",
    "check_form",
    "close_account",
    "close_session",
    "cookie_name",
    "csrf_token",
    "csrf_valid",
    "find_account",
    "find_client",
    "find_session",
    "goes_on",
    "issue_token",
    "list_accounts",
    "list_clients",
    "list_consents",
    "login_form",
    "new_key",
    "open_session",
    "place",
    "remove_client",
    "said",
    "session_actor",
    "still",
    "withdraw_consent",
]


def place(endpoint: str) -> str:
    """The path of an endpoint of the platform's own realm: authorize, token, introspect, revoke, logout..."""
    return PLATFORM.place(endpoint)


async def authenticate(ctx: Context, token: str, lately: Lately | None = None) -> Actor:
    """The actor on whose behalf the bearer of an access token acts, with the scopes granted.

    `lately` then remembers them.

    Raises Problem `login` (401, with its WWW-Authenticate header): expired, or not valid; never why. Each
    refusal leaves an audit line, at most sixty a minute.
    """
    opened = lately.opened() if lately else 0
    try:
        bearer, stands, until = await judge(ctx, token)
    except Problem as refused:
        if refused.kind == "login":
            await note_refused(ctx, "expired" if is_expired(refused) else "invalid")
        raise
    if lately is not None:
        lately.keep(token, bearer.actor, stands, (ctx.now, until), opened)
    return bearer.actor


async def session_actor(ctx: Context, cookie: str) -> Actor | None:
    """The actor signed in to our own pages with this cookie value, or None."""
    session = await find_session(ctx, cookie)
    return actor_of(session.account) if session else None


async def issue_token(ctx: Context, login: str, scope: str = "") -> str:
    """An access token for a person of the sandbox, as `aubier token --as LOGIN` prints it.

    Without `scope`: all that an application may get for this kind of account. Raises Problem `forbidden`
    outside the sandbox or when nothing asked can be granted, `value` for what is no scope, `not-found` for
    an unknown login.
    """
    limits = signon_settings(ctx.settings)
    if not limits.sandbox:
        raise problem(
            "forbidden",
            "Tokens are made this way in the sandbox only",
            "Seul le bac à sable fabrique des jetons ainsi",
        )
    account = await find_account(ctx, login)
    if account is None:
        raise problem(
            "not-found",
            f"Nobody has the login {login[:128]}; aubier accounts lists them",
            f"Personne n'a l'identifiant {login[:128]} ; aubier accounts en donne la liste",
        )
    granted = _granted(account, scope)
    until = ctx.now + timedelta(seconds=limits.access_seconds)
    grant = Grant(COMMAND_LINE, PLATFORM.name, str(granted), account.login, acr="eidas1", auth_time=ctx.now)
    kept = await keep_grant(ctx, grant, until)
    token, _ = await access_token(ctx, kept, subject_of(account, PLATFORM))
    return token


async def still(ctx: Context, actor: Actor) -> Actor | None:
    """The actor that authenticated once, as they are now, with the scopes they had; None when that ended.

    For what is done later on their behalf. It ends with the account, with the application, with what the
    person let it do, and with the token's own grant when that was revoked; not when a token merely expired.
    """
    if not actor.grant:
        return None
    rows = await ctx.store.run("signon.standing", actor.login, actor.client, actor.grant)
    row = rows[0]
    own_client = actor.client == COMMAND_LINE and signon_settings(ctx.settings).sandbox
    if row["revoked"] or not (own_client or row["client_name"]):
        return None
    if actor.kind == "system" and not row["login"]:
        return replace(actor, name=row["client_name"]) if actor.login == f"system:{actor.client}" else None
    if not row["active"] or not (own_client or row["lets"]):
        return None
    now = actor_of(account_of(row), client=actor.client, scopes=actor.scopes)
    return replace(now, grant=actor.grant)


async def goes_on(ctx: Context, actor: Actor) -> Actor | None:
    """As `still`, for whoever asked for something to be done beside the requests, with a token or without.

    Without one are the platform's own actors, and people at our own pages, whose work ends with the account.
    """
    if actor.grant:
        return await still(ctx, actor)
    if actor.client != _OURS:
        return None
    if actor.kind == "system" and actor.login.startswith("system:"):
        return actor
    account = await find_account(ctx, actor.login)
    return actor_of(account, scopes=actor.scopes) if account else None


def _granted(account: Account, scope: str) -> Parsed:
    if not scope.strip():
        return Parsed(CEILINGS[account.kind], ("openid", "profile", "fhirUser"))
    asked = parse(scope)
    # A token that opens nothing would be refused everywhere, far from where the word was mistyped.
    refuse_unknown(asked)
    refuse_unheld(asked)
    smart = narrow(asked.smart, CEILINGS[account.kind])
    if asked.smart and not smart:
        raise problem(
            "forbidden",
            f"This account may not ask {scope[:200]}",
            f"Ce compte ne peut pas demander {scope[:200]}",
            at="http.scope",
        )
    return Parsed(smart, asked.plain)
