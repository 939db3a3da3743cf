"""Signing in with the login page: the people of the stories in the sandbox, login and password elsewhere."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Cookie, Request, Response
from aubier.referentials.signon.people.accounts import (
    Account,
    account_of,
    account_row,
    list_accounts,
    normal_login,
)
from aubier.referentials.signon.people.pages import local_path, page, problem_page
from aubier.referentials.signon.people.passwords import check_password, count_try, forget_tries
from aubier.referentials.signon.people.sessions import (
    check_form,
    cookie_name,
    login_form,
    open_session,
    session_cookie,
    surely_ours,
)
from aubier.referentials.signon.realms import PLATFORM, REALMS, Realm
from aubier.referentials.signon.refusal import NO_STORE
from aubier.referentials.signon.settings import SignonSettings, signon_settings

_PEOPLE_SHOWN = 200
_TRIES_PER_ADDRESS = 20
"""Times the bound of one login: a hospital comes from one address."""


async def show_login(ctx: Context, request: Request) -> Response:
    """The login page. `next`: the local path to go to afterwards; `realm`: whose accounts are listed."""
    return await _form(ctx, request, None)


async def _form(ctx: Context, request: Request, trouble: Problem | None) -> Response:
    realm, limits = _realm(request), signon_settings(ctx.settings)
    listed = limits.sandbox
    people = await list_accounts(ctx, realm.kinds, introduced=True, limit=_PEOPLE_SHOWN) if listed else []
    cookie, csrf = login_form(request)
    return page(
        ctx,
        request,
        "login.html",
        status=200 if trouble is None else 429 if trouble.kind == "throttled" else 401,
        cookies=(cookie,),
        more=trouble.headers if trouble else {},
        next=_asked_for(request),
        realm=realm.name,
        csrf=csrf,
        groups=_groups(people),
        listed=listed,
        typed=request.one("login")[:128],
        trouble=trouble.issues[0] if trouble else None,
    )


def _asked_for(request: Request) -> str:
    """The local path asked for, or an empty string when none was."""
    return local_path(request.one("next")) if request.one("next") else ""


def _space(limits: SignonSettings, kind: str) -> str:
    """Where a person of this kind goes when no page was asked for."""
    return {"citizen": limits.citizen_home, "professional": limits.professional_home}.get(kind, "/")


def _groups(people: list[Account]) -> list[tuple[str, list[Account]]]:
    groups: dict[str, list[Account]] = {}
    for person in people:
        groups.setdefault(person.kind, []).append(person)
    return list(groups.items())


def _realm(request: Request) -> Realm:
    return REALMS.get(request.one("realm"), PLATFORM)


async def sign_in(ctx: Context, request: Request) -> Response:
    """Signs in whom the form names and goes to `next`, or else to that person's space.

    A refusal shows the form again, beside its field.
    """
    mark = request.cookies.get(cookie_name(request.base_url, "form"), "")
    try:
        # Elsewhere a form needs its token as well; here other pages of ours (the landing page) post too.
        if not surely_ours(request):
            check_form(request, mark)
    except Problem as found:
        return problem_page(ctx, request, found)
    try:
        account = await _account(ctx, request)
    except Problem as found:
        if found.kind not in ("login", "throttled"):
            raise
        return await _form(ctx, request, found)
    limits = signon_settings(ctx.settings)
    name = cookie_name(request.base_url)
    acr = "eidas3" if limits.sandbox else "eidas1"
    cookie = await open_session(ctx, account, acr=acr, former=request.cookies.get(name, ""))
    return Response(
        303,
        headers={"Location": _asked_for(request) or _space(limits, account.kind), **NO_STORE},
        cookies=(
            session_cookie(request, cookie, limits.session_seconds),
            Cookie(cookie_name(request.base_url, "form"), "", 0),
        ),
    )


async def _account(ctx: Context, request: Request) -> Account:
    limits, login = signon_settings(ctx.settings), normal_login(request.one("login"))
    address = f"address:{request.client_ip}"
    await count_try(ctx, address, limits.tries * _TRIES_PER_ADDRESS)
    await count_try(ctx, f"login:{login}")
    row = await account_row(ctx, login)
    known = row is not None and row["kind"] in _realm(request).kinds
    kept = row["password"] if row else ""
    # In the sandbox a person of the list has no password: choosing them is enough.
    if not (limits.sandbox and not kept) and not await check_password(ctx, request.one("password"), kept):
        known = False
    if not known or row is None:
        raise problem(
            "login",
            "This login or password is not right",
            "Identifiant ou mot de passe incorrect",
            at="http.login",
        )
    await forget_tries(ctx, f"login:{login}", address)
    return account_of(row)
