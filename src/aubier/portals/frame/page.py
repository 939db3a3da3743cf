"""A page: its frame, its template, its headers. Nothing here knows what the page is about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2

from aubier.access.actor import Context
from aubier.ground.rows import Cookie, Request, Response
from aubier.portals.frame.dates import say_weekday
from aubier.portals.frame.house import House
from aubier.portals.frame.texts import LANGUAGES, Texts, preferred, sentence, texts

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
_YEAR = 31_536_000

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Sent with every page: nothing inline, nothing from elsewhere, never in another's frame."""


@dataclass(frozen=True, slots=True)
class Nav:
    """One entry of the main navigation: key of its text (`nav.<key>`), address, icon."""

    key: str
    href: str
    icon: str


@dataclass(frozen=True, slots=True)
class Acting:
    """For whom the citizen acts when it is not themselves: shown as a coloured band."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page."""

    texts: Texts
    space: str = ""
    home: str = "/"
    nav: tuple[Nav, ...] = ()
    current: str = ""
    actor: str = ""
    sandbox: bool = False
    token: str = ""
    logout: str = ""
    switch: str = ""
    day: str = ""
    acting: Acting | None = None
    cookies: tuple[Cookie, ...] = ()


def chosen_language(ctx: Context, request: Request) -> str:
    """`?lang=`, else the cookie, else `Accept-Language` when sent, else the context's."""
    asked = request.one("lang") or request.cookies.get("lang", "")
    if asked in LANGUAGES:
        return asked
    accept = next((v for k, v in request.headers.items() if k.lower() == "accept-language"), "")
    return preferred(accept) if accept else ctx.language


def frame(house: House, ctx: Context, request: Request, **given: Any) -> Frame:
    """The frame of a page for this request; `given` are the fields of the space (nav, current...)."""
    words = texts(chosen_language(ctx, request))
    known = ctx.actor.kind != "anonymous"
    asked = dict(request.query).get("lang", "")
    keep = (Cookie("lang", asked, _YEAR),) if asked in LANGUAGES else ()
    return Frame(
        texts=words,
        actor=ctx.actor.name if known else "",
        sandbox=house.sandbox,
        token=house.csrf_token(ctx, request) if known else "",
        logout=house.logout_path if known else "",
        switch=_switch(request, words.language),
        day=say_weekday(ctx.now, words),
        cookies=keep,
        **given,
    )


def _switch(request: Request, language: str) -> str:
    """The address of the same page in the other language, with what it was asked unless by POST."""
    other = next(code for code in LANGUAGES if code != language)
    kept = [(k, v) for k, v in request.query if k != "lang"] if request.method == "GET" else []
    return f"{request.path}?{urlencode([*kept, ('lang', other)])}"


@cache
def environment(folder: Path) -> jinja2.Environment:
    """The templates of a room, over those of the frame: escaped, nothing undefined let through."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["stylesheet"] = f"/static/aubier.css?v={_version('aubier.css')}"
    found.globals["icon"] = found.get_template("icons.html").module.icon  # type: ignore[attr-defined]
    found.filters["sentence"] = sentence
    found.globals["mark"] = f"/static/aubier.svg?v={_version('aubier.svg')}"
    return found


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Pages:
    """The templates of one room; `render` makes a page of one."""

    folder: Path

    def render(self, template: str, around: Frame, /, *, status: int = 200, **model: Any) -> Response:
        """The page as HTML with its headers; never kept by a cache, since it may hold health data."""
        found = environment(self.folder).get_template(template)
        body = found.render(frame=around, t=around.texts, **model)
        headers: Mapping[str, str] = {
            **SECURITY,
            "Cache-Control": "no-store",
            "Content-Language": around.texts.language,
        }
        return Response(status, body, "text/html; charset=utf-8", headers, around.cookies)


FRAME_PAGES = Pages(_TEMPLATES)
"""The frame's own templates."""


def go(path: str, **query: str) -> Response:
    """Sends the browser to another page after a form (303), so that reloading repeats nothing."""
    where = f"{path}?{urlencode(query)}" if query else path
    return Response(303, b"", "text/plain", {"Location": where, "Cache-Control": "no-store"})


def with_cookie(response: Response, cookie: Cookie) -> Response:
    """The same response, setting one more cookie."""
    return replace(response, cookies=(*response.cookies, cookie))
