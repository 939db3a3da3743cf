"""The landing page, the files it needs, and nothing else."""

from __future__ import annotations

from itertools import groupby

from aubier.access.actor import Context
from aubier.ground.problem import not_found
from aubier.ground.rows import Request, Response, Route
from aubier.portals.frame.errors import guarded, sign_in_to
from aubier.portals.frame.house import House
from aubier.portals.frame.page import FRAME_PAGES, SECURITY, STATIC, frame

SPACES = (("citizen", "/citoyen", "heart"), ("professional", "/pro", "stethoscope"))
"""The spaces named on the landing page: key, address, icon."""

_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}


async def landing(house: House, ctx: Context, request: Request) -> Response:
    """Names the spaces; in the sandbox, the people one can log in as."""
    people = sorted(await house.people(ctx), key=lambda p: p.space) if house.sandbox else []
    groups = {space: list(found) for space, found in groupby(people, key=lambda p: p.space)}
    known = ctx.actor.kind != "anonymous"
    return FRAME_PAGES.render(
        "landing.html",
        frame(house, ctx, request),
        spaces=[(*space, space[1] if known else sign_in_to(house, space[1])) for space in SPACES],
        people=groups,
        login=house.login_path,
        doors=[(base, title[ctx.language]) for base, title in house.doors],
    )


async def static(house: House, ctx: Context, request: Request) -> Response:
    """One of the few files of the pages; kept by browsers for a year when its version is in the address."""
    name = request.params.get("name", "")
    found = {p.name: p for p in STATIC.iterdir() if p.suffix in _TYPES}.get(name)
    if found is None:
        raise not_found(name)
    kept = "public, max-age=31536000, immutable" if dict(request.query).get("v") else "public, max-age=300"
    return Response(200, found.read_bytes(), _TYPES[found.suffix], {**SECURITY, "Cache-Control": kept})


def frame_pages(house: House) -> tuple[Route, ...]:
    """The landing page and the static files."""
    return (
        Route("GET", "/", guarded(house, landing, ""), "Landing page"),
        Route("GET", "/static/{name}", guarded(house, static, ""), "Stylesheet and mark"),
    )
