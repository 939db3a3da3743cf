"""Error pages: what happened, what to do now, and a code for whoever helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

from aubier.access.actor import Context
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Request, Response
from aubier.ground.text import typography
from aubier.portals.frame.house import House
from aubier.portals.frame.page import FRAME_PAGES, Frame, frame
from aubier.portals.frame.texts import Texts
from aubier.rest.outcome import STATUS

STATUSES = (400, 401, 403, 404, 405, 413, 429, 500, 503)
"""The statuses that have a page of their own; others are shown as 400 or 500."""

_ON_A_PAGE = {"deleted": 404, "lock-error": 503, "not-supported": 503}
"""What a reader is told otherwise than a program is."""


def status_of(found: Problem) -> int:
    """The HTTP status of a Problem met by a page."""
    status = _ON_A_PAGE.get(found.kind) or STATUS[found.kind]
    return status if status in STATUSES else 400


def error_page(
    status: int, around: Frame, *, details: tuple[str, ...] = (), code: str = "", sign_in: str = ""
) -> Response:
    """The page of an HTTP status: `details` are sentences already in the reader's language.

    `sign_in` is where to sign in so as to come back.
    """
    known = status if status in STATUSES else 500 if status >= 500 else 400
    return FRAME_PAGES.render(
        "error.html",
        around,
        status=status,
        what=known,
        details=details,
        code=code or str(status),
        sign_in=sign_in,
    )


def sign_in_to(house: House, place: str) -> str:
    """The login page that leads to a place of this site."""
    return f"{house.login_path}?{urlencode({'next': place})}"


def _asked(request: Request, kind: str) -> str:
    """The page asked; after a form, whose answers are lost, the space."""
    here = f"{quote(request.path)}?{urlencode(request.query)}".rstrip("?")
    return here if request.method == "GET" else HOMES[kind]


def sentences(found: Problem, texts: Texts) -> tuple[str, ...]:
    """What a Problem says, in the reader's language: one sentence for each of its first issues."""
    said = (issue.said(texts.language) for issue in found.issues[:5])
    return tuple(typography(s) if texts.language == "fr" else s for s in said)


def problem_page(found: Problem, around: Frame) -> Response:
    """The page of a Problem; an internal one tells nothing of the inside."""
    status = status_of(found)
    told = () if status in (404, 500, 503) else sentences(found, around.texts)
    return error_page(status, around, details=told, code=f"{status}-{found.kind}")


HOMES = {"": "/", "citizen": "/citoyen", "professional": "/pro"}
"""Where each kind of actor starts from."""

Page = Callable[[House, Context, Request], Awaitable[Response]]
"""A page of a portal, before it is bound to its house."""


def _readable(request: Request) -> None:
    """Problem for a NUL character, which no text holds: `not-found` in the path, `invalid` in a parameter."""
    if any("\0" in value for value in (request.path, *request.params.values())):
        raise problem("not-found", "The page is not known here", "La page n'est pas connue ici")
    if any("\0" in text for pair in (*request.query, *request.form) for text in pair):
        raise problem(
            "invalid",
            "A parameter holds a character that is not allowed",
            "Un paramètre contient un caractère interdit",
            at="http.query",
        )


def guarded(house: House, page: Page, kind: str) -> Callable[[Context, Request], Awaitable[Response]]:
    """Binds a page to its house: only for actors of `kind` (empty: anyone), problems become pages."""

    def around(ctx: Context, request: Request) -> Frame:
        return frame(house, ctx, request, home=HOMES[kind] if ctx.actor.kind == kind else "/")

    async def run(ctx: Context, request: Request) -> Response:
        if kind and ctx.actor.kind == "anonymous":
            return error_page(401, around(ctx, request), sign_in=sign_in_to(house, _asked(request, kind)))
        if kind and ctx.actor.kind != kind:
            return error_page(403, frame(house, ctx, request), code="403-space")
        try:
            _readable(request)
            return await page(house, ctx, request)
        except Problem as found:
            return problem_page(found, around(ctx, request))

    return run
