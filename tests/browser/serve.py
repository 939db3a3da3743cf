"""Serves the pages over the stand-in, to look at them: `python -m tests.browser.serve [port]`.

Who is logged in is the cookie `as`: `yann`, `vide` (empty record), `panne` (store down), `morvan`,
`debut` (no patient yet).
"""

from __future__ import annotations

import asyncio
import copy
import re
import sys
import threading
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aubier.access.actor import ANONYMOUS, Actor, Context
from aubier.ground.problem import problem
from aubier.ground.rows import Operation, Request, Response, Route
from aubier.portals.frame.errors import error_page
from aubier.portals.frame.house import Application, Content, House, Login
from aubier.portals.frame.page import frame
from aubier.portals.mount import pages
from aubier.services.record.api import safe_headers
from tests.browser import story
from tests.browser.shelf import SeenShelf

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
CITIZENS = {"yann": ("yann", "leo"), "vide": ("vide",), "panne": ("yann",)}
PROFESSIONALS = {"morvan": ("yann", "nolwenn"), "debut": ()}


def actor(login: str) -> Actor:
    """The actor of a login of this stand-in."""
    if login in CITIZENS:
        return Actor("citizen", login, "Yann Le Goff", reference=f"Patient/{CITIZENS[login][0]}")
    if login in PROFESSIONALS:
        return Actor("professional", login, "Dr Anne Morvan", reference=f"Practitioner/{login}")
    return ANONYMOUS


class Stage:
    """The routes over one set of resources."""

    def __init__(self) -> None:
        self.resources = copy.deepcopy(story.everything())
        self.sees = {k: set(v) for k, v in (CITIZENS | PROFESSIONALS).items()}
        self.house = self._house()
        self.routes = [
            (r, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", r.path) + r"\Z")) for r in pages(self.house)
        ]

    def _house(self) -> House:
        rows = {
            "Patient/$find": self._find,
            "Patient/$share": self._permit("permit"),
            "Patient/$block": self._permit("deny"),
            "Patient/$unshare": self._close("permit"),
            "Patient/$unblock": self._close("deny"),
            "Patient/$state-relationship": self._relate,
            "Patient/$end-relationship": self._unrelate,
            "DocumentReference/$mask": self._mask,
        }
        operations = {
            k: Operation(k.split("$")[1], k.split("/")[0], run, {"fr": k, "en": k}, "stand-in")
            for k, run in rows.items()
        }
        return House(
            csrf_token=lambda ctx, request: "good",
            csrf_holds=lambda ctx, request, token: token == "good",
            content=self._content,
            publish=self._publish,
            operations=operations,
            people=self._people,
            sandbox=True,
            login_path="/login",
            applications=self._applications,
        )

    async def _applications(self, ctx: Context) -> list[Application]:
        said = ["Dans votre dossier : lire mesures et résultats d'analyses", "Savoir qui vous êtes"]
        return [Application("carnet", "Mon carnet de tension", said)] if ctx.actor.login == "yann" else []

    async def _people(self, ctx: Context) -> list[Login]:
        return [
            Login("yann", "Yann Le Goff", "citizen", "71 ans, rentre de l'hôpital, insuffisance cardiaque"),
            Login("vide", "Maël Tanguy", "citizen", "36 ans, ouvre son dossier pour la première fois"),
            Login("morvan", "Dr Anne Morvan", "professional", "Médecin généraliste à Douarnenez"),
            Login("debut", "Dr Gwen Riou", "professional", "Interne, n'a encore aucun patient"),
        ]

    async def _content(self, ctx: Context, document: dict[str, Any]) -> Content:
        html = story.CDA if document["id"] == "sortie" else ""
        data = b"" if document["id"] == "echo" else b"%PDF-1.4 nothing"
        return Content("application/pdf", data, html, safe_headers("application/pdf", "sortie"))

    async def _publish(self, ctx: Context, document: dict[str, Any], data: bytes) -> dict[str, Any]:
        written = await ctx.store.create(document)
        return dict(written.resource)

    async def _find(self, ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
        asked = {p["name"]: next(v for k, v in p.items() if k != "name") for p in parameters["parameter"]}
        if asked.get("ins") == "155032904611722":
            raise problem("value", "The key of this number is wrong", "La clé de ce numéro est fausse")
        hits = [story.YANN, story.STRANGER] if asked.get("family", "").lower() == "le goff" else []
        hits = [story.STRANGER] if asked.get("ins") == "155032904622259" else hits
        return {"resourceType": "Bundle", "entry": [{"resource": h} for h in hits]}

    def _permit(self, kind: str) -> Any:
        async def run(ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
            asked = {p["name"]: p for p in parameters["parameter"]}
            who = asked["actor"]["valueReference"]["reference"].split("/")[1]
            self._drop(who)
            end = asked.get("until", {}).get("valueDateTime", "")
            self.resources.append(story.consent(f"n-{who}", who, kind, end))
            return {"resourceType": "Parameters"}

        return run

    def _close(self, kind: str) -> Any:
        async def run(ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
            self._drop(parameters["parameter"][0]["valueReference"]["reference"].split("/")[1])
            return {"resourceType": "Parameters"}

        return run

    def _drop(self, who: str) -> None:
        for r in self.resources:
            actors = r.get("provision", {}).get("actor", [])
            if any(a["reference"]["reference"] == f"Practitioner/{who}" for a in actors):
                r["status"] = "inactive"

    async def _relate(self, ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
        self.sees[ctx.actor.login].add(parameters["_id"])
        if parameters["_id"] == "autre":
            self.resources.append(story.STRANGER)
        return {"resourceType": "Parameters"}

    async def _unrelate(self, ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
        self.sees[ctx.actor.login].discard(parameters["_id"])
        return {"resourceType": "Parameters"}

    async def _mask(self, ctx: Context, parameters: dict[str, Any]) -> dict[str, Any]:
        hide = next(p["valueBoolean"] for p in parameters["parameter"] if p["name"] == "masked")
        document = await ctx.store.read("DocumentReference", parameters["_id"])
        document["securityLabel"] = story.MASKED if hide else []
        return document

    async def answer(self, request: Request) -> Response:
        """What the page of this request answers."""
        login = request.cookies.get("as", "")
        store = SeenShelf(self.resources, frozenset(self.sees.get(login, ())), broken=login == "panne")
        ctx = Context(actor(login), store, NOW, None, "fr")  # type: ignore[arg-type]
        others = False
        for route, pattern in self.routes:
            found = pattern.match(request.path)
            if found and route.method == request.method:
                return await self._run(route, ctx, request, found.groupdict())
            others = others or bool(found)
        return error_page(405 if others else 404, frame(self.house, ctx, request))

    async def _run(self, route: Route, ctx: Context, request: Request, params: dict[str, str]) -> Response:
        given = {k: unquote(v) for k, v in params.items()}
        return await route.run(
            ctx, Request(**{**{f: getattr(request, f) for f in Request.__slots__}, "params": given})
        )


class Handler(BaseHTTPRequestHandler):
    """One HTTP request over the stage."""

    stage: Stage

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/login":
            form = dict(parse_qsl(body.decode()))
            self._login(form["login"], form["next"])
        elif self.path == "/deconnexion":
            self._login("", "/")
        else:
            self._answer(body)

    def _login(self, login: str, where: str) -> None:
        self.send_response(303)
        self.send_header("Location", where)
        self.send_header("Set-Cookie", f"as={login}; Path=/; HttpOnly")
        self.end_headers()

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        cookies = {k: m.value for k, m in SimpleCookie(self.headers.get("Cookie", "")).items()}
        request = Request(
            self.command,
            parts.path,
            {},
            tuple(parse_qsl(parts.query)),
            (),
            dict(self.headers.items()),
            cookies,
            body,
        )
        answer = asyncio.run(self.stage.answer(request))
        data = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.status)
        for key, value in {
            **answer.headers,
            "Content-Type": answer.media_type,
            "Content-Length": str(len(data)),
        }.items():
            self.send_header(key, value)
        for cookie in answer.cookies:
            self.send_header(
                "Set-Cookie", f"{cookie.name}={cookie.value}; Path={cookie.path}; HttpOnly; SameSite=Lax"
            )
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


def start(port: int = 0) -> ThreadingHTTPServer:
    """Starts serving in a thread; `server_address[1]` is the port."""
    handler = type("StageHandler", (Handler,), {"stage": Stage()})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    running = start(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
    print(f"http://127.0.0.1:{running.server_address[1]}")
    threading.Event().wait()
