"""Browser sessions: one random cookie, kept as a digest; and the proof that a form is ours."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aubier.access.actor import Context
from aubier.ground.chance import random_ids, secret
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Cookie, Request
from aubier.referentials.signon.people.accounts import Account, account_of
from aubier.referentials.signon.people.passwords import digest, same
from aubier.referentials.signon.settings import signon_settings

_TOUCH = timedelta(seconds=60)
_MAX_COOKIE = 128


@dataclass(frozen=True, slots=True)
class Session:
    """A live session: its id (`sid` of tokens), whose it is, how surely (`acr`), since when, until when."""

    sid: str
    account: Account
    acr: str
    opened_at: datetime
    expires_at: datetime


def cookie_name(base_url: str, use: str = "session") -> str:
    """The name of our cookie: `__Host-` in front over https, so that no neighbouring site can set it."""
    return f"__Host-aubier-{use}" if base_url.startswith("https:") else f"aubier-{use}"


async def open_session(ctx: Context, account: Account, *, acr: str = "eidas1", former: str = "") -> str:
    """Opens a session and gives its cookie value, always a new one; the session of cookie `former` closes."""
    if former:
        await close_session(ctx, former)
    limits = signon_settings(ctx.settings)
    cookie = secret()
    until = ctx.now + timedelta(seconds=limits.session_seconds)
    await ctx.store.run(
        "signon.open_session",
        *(random_ids(), digest(cookie), account.login, acr, ctx.now, until),
        limits.sessions_per_account - 1,
    )
    return cookie


async def find_session(ctx: Context, cookie: str) -> Session | None:
    """The live session of a cookie value, or None: unknown, closed, too old, idle, account ended."""
    if not 0 < len(cookie) <= _MAX_COOKIE:
        return None
    idle = ctx.now - timedelta(seconds=signon_settings(ctx.settings).idle_seconds)
    rows = await ctx.store.run("signon.session", digest(cookie), ctx.now, idle)
    if not rows:
        return None
    row = rows[0]
    if row["seen_at"] < ctx.now - _TOUCH:
        await ctx.store.run("signon.see", row["sid"], ctx.now)
    return Session(row["sid"], account_of(row), row["acr"], row["opened_at"], row["expires_at"])


async def close_session(ctx: Context, cookie: str) -> bool:
    """Closes the session of a cookie value; its tokens end with it. False when there was none."""
    session = await find_session(ctx, cookie)
    return session is not None and bool(await ctx.store.run("signon.close_session", session.sid, ctx.now))


def session_cookie(request: Request, value: str, seconds: int) -> Cookie:
    """The cookie to send; 0 `seconds` deletes it."""
    return Cookie(cookie_name(request.base_url), value, seconds)


def login_form(request: Request) -> tuple[Cookie, str]:
    """What a page with a login form needs: the cookie to send with it and its hidden `csrf` value."""
    name = cookie_name(request.base_url, "form")
    former = request.cookies.get(name, "")
    # A form cookie of our own making has 43 characters; any other is replaced.
    mark = former if len(former) == 43 else secret()
    return Cookie(name, mark, 3600), csrf_token(mark)


def csrf_token(cookie: str) -> str:
    """The token a form of this session carries: only who holds the cookie can compute it."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"aubier form", hashlib.sha256).hexdigest()


def csrf_valid(cookie: str, token: str) -> bool:
    """Whether a form's token belongs to the session cookie; never for an empty cookie."""
    return bool(cookie) and same(csrf_token(cookie), token)


def check_form(request: Request, cookie: str) -> None:
    """Raises Problem `forbidden` unless a posted form comes from our own page, in this session.

    The field is `csrf`. A foreign `Origin` or `Sec-Fetch-Site` refuses before the token is looked at.
    """
    if _foreign(request) or not csrf_valid(cookie, request.one("csrf")):
        raise foreign_form()


def surely_ours(request: Request) -> bool:
    """Whether the browser itself vouches that a form was posted by a page of this very origin."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        return site == "same-origin" and not _foreign(request)
    return origin is not None and origin == request.base_url


def foreign_form() -> Problem:
    """The refusal of a form that is not ours or is too old."""
    return problem(
        "forbidden",
        "This form is too old or came from another site. Please start again.",
        "Ce formulaire est trop ancien ou vient d'un autre site. Merci de recommencer.",
        at="http.csrf",
    )


def _foreign(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    host = request.headers.get("host") or urlsplit(request.base_url).netloc
    return origin is not None and urlsplit(origin).netloc != host
