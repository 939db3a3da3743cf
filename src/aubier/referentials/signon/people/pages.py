"""The pages of this room: login, sign-out, and what went wrong. French first, English when asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined

from aubier.access.actor import Context
from aubier.ground.problem import Problem
from aubier.ground.rows import Cookie, Request, Response
from aubier.ground.text import typography
from aubier.referentials.signon.refusal import NO_STORE
from aubier.referentials.signon.settings import signon_settings

TEMPLATES = ("frame.html", "login.html", "message.html", "consent.html")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?", re.ASCII)
_STATUS = {"throttled": 429, "forbidden": 403, "login": 401}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    folder = files(__package__).joinpath("templates")
    texts = {name: folder.joinpath(name).read_text("utf-8") for name in TEMPLATES}
    found = Environment(
        loader=DictLoader(texts), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    found.filters["typography"] = typography
    return found


def language(ctx: Context, request: Request) -> str:
    """`fr` or `en`: what the application asked (`ui_locales`), else the browser's, else French."""
    for tag in request.one("ui_locales")[:200].split():
        if tag[:2].lower() in ("fr", "en"):
            return tag[:2].lower()
    return "en" if ctx.language == "en" else "fr"


def page(
    ctx: Context,
    request: Request,
    template: str,
    *,
    status: int = 200,
    cookies: tuple[Cookie, ...] = (),
    more: Mapping[str, str] = MappingProxyType({}),
    next: str = "",
    **values: Any,
) -> Response:
    """A rendered page that no one may frame, cache or make post elsewhere; `more` headers beside."""
    shown = {
        "lang": language(ctx, request),
        "sandbox": signon_settings(ctx.settings).sandbox,
        "next": next,
        **values,
    }
    headers = {
        **NO_STORE,
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action 'self'{_form_target(next)}",
        "X-Frame-Options": "DENY",
        # Not `no-referrer`: browsers would then send `Origin: null` with our own form.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        **more,
    }
    body = _templates().get_template(template).render(shown)
    return Response(status, body, "text/html; charset=utf-8", headers, cookies)


def _form_target(next: str) -> str:
    """The origin an application is sent back to: browsers hold `form-action` against every redirect."""
    uri = parse_qs(urlsplit(next).query).get("redirect_uri", [""])[0]
    found = _ORIGIN.match(uri)
    return f" {found.group()}" if found else ""


def problem_page(ctx: Context, request: Request, found: Problem) -> Response:
    """A refusal as a page: what happened, in the reader's language, and nothing of the application's text."""
    issue = found.issues[0]
    status = _STATUS.get(issue.kind, 400)
    text = issue.said(language(ctx, request))
    shown: dict[str, Any] = {"title": "", "text": text, "form": {}, "link": "/"}
    return page(ctx, request, "message.html", status=status, more=found.headers, **shown)


def local_path(text: str) -> str:
    """`text` when it is a path of this very site, else `/`: nobody is sent elsewhere after signing in."""
    fits = text.startswith("/") and len(text) <= 8192 and not text.startswith(("//", "/\\"))
    odd = "\\" in text or any(ord(c) <= 32 or ord(c) >= 127 for c in text)
    return text if fits and not odd else "/"
