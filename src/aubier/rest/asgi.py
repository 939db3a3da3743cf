"""The ASGI application: a raw short path for FHIR, Starlette for everything else."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from aubier.access.actor import ANONYMOUS, Actor, Context
from aubier.access.decide import unidentified
from aubier.access.view import Access
from aubier.ground.clock import Clock
from aubier.ground.memory import remembered
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Door, LineRoute, Request, Response, Route
from aubier.ground.standing import Stands
from aubier.rest.asynchronous.asking import PLACE
from aubier.rest.deferred.requests import answer_now, deferred
from aubier.rest.doors.opening import Opening
from aubier.rest.exchange import (
    Answer,
    Call,
    decoded_bytes,
    failed,
    language_of,
    percent_encoded,
    rendered,
    unforeseen,
)
from aubier.rest.formats.bodies import ALWAYS, Bodies, Body, announced, brings_body
from aubier.rest.formats.conversion import read_aside, says_long
from aubier.rest.formats.negotiation import wanted_format
from aubier.rest.formats.parts import (
    cookies_of,
    refuse_null,
    refuse_override,
)
from aubier.rest.interactions import Interactions, path_of
from aubier.rest.operations.standard import only, options
from aubier.rest.origins import preflight, shown_to
from aubier.rest.outcome import placed
from aubier.rest.reading.contents import asks_content
from aubier.rest.sockets.line import NOWHERE, AsgiLine
from aubier.store.aside import by_size
from aubier.store.keys import type_numbers
from aubier.store.proof.standing import Unproven

_GZIP_FROM = 1400
"""Answers smaller than one network packet gain nothing from gzip."""

_DISCOVERY = "/.well-known/smart-configuration"
"""Where an application asks a FHIR base for its OpenID provider. Rule: SMART App Launch 2.2.0."""

_NOBODY_A_MINUTE = 60
"""Audit lines of requests without credentials, in one process."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

Identify = Callable[[Context, Mapping[str, str]], Awaitable[Actor]]
"""`identify(context, headers)`: the actor of a request; anonymous when it brings no credentials, Problem
(login, expired) when it brings bad ones."""

Recall = Callable[[Mapping[str, str], datetime], tuple[Actor, Stands] | None]
"""`recall(headers, now)`: who sent these credentials a moment ago, and what these stood on; else None."""

ByKey = Callable[[Context, Door, str], Awaitable[Actor]]
"""`by_key(context, door, key)`: the application that a key lets in at a door. Problem (login): none."""

PageError = Callable[[Context, Request, Problem], Response]
"""Makes a page of a Problem, for browsers."""

_ALWAYS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
"""What every answer of an API says."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri"
    " 'none'; frame-ancestors 'none';"
    " form-action 'self' http://127.0.0.1:* http://localhost:* https:",
}


@dataclass(slots=True)
class Server:
    """What answers HTTP. `access` and `identify` decide, `interactions` is the FHIR base at /fhir."""

    access: Access
    identify: Identify
    interactions: Interactions
    clock: Clock
    bodies: Bodies
    recall: Recall = lambda headers, now: None
    forget: Callable[[Mapping[str, str]], None] = lambda headers: None
    base_url: str = ""
    trusted_proxy: str = ""
    language: str = "fr"
    routes: Sequence[Route] = ()
    doors: Sequence[Opening] = ()
    by_key: ByKey | None = None
    lines: Sequence[LineRoute] = ()
    page_error: PageError | None = None
    others: Any = field(default=None, init=False)
    nobody: tuple[int, int] = field(default=(0, 0), init=False)

    def __post_init__(self) -> None:
        mounted = [StarletteRoute(r.path, self._endpoint(r), methods=[r.method]) for r in self.routes]
        self.others = Starlette(routes=mounted, exception_handlers={404: self._nowhere, 405: self._nowhere})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        if scope["type"] == "websocket":
            await self._line(scope, receive, send)
        elif scope["type"] != "http":
            await self.others(scope, receive, send)
        elif scope["path"].startswith("/health/"):
            await self._health(scope["path"], send)
        elif scope["path"] == "/fhir" or (
            scope["path"].startswith("/fhir/") and not scope["path"].startswith("/fhir/.well-known/")
        ):
            await self._fhir(scope, receive, send)
        elif door := next((d for d in self.doors if d.holds(scope["path"])), None):
            # A door is a FHIR base too, and takes the tokens of the same provider.
            if scope["path"] == door.door.base + _DISCOVERY:
                await self.others({**scope, "path": "/fhir" + _DISCOVERY}, receive, send)
            else:
                await self._door(door, scope, receive, send)
        else:
            await self.others(scope, receive, send)

    async def _line(self, scope: Any, receive: Any, send: Any) -> None:
        """A WebSocket of a room; who asks is found once, and again in what they ask then."""
        route = next((r for r in self.lines if r.path == scope["path"]), None)
        headers = _by_token(_headers(scope))
        await receive()
        try:
            actor = (await self.context(headers, self.language)).actor
        except Problem:
            route = None
        if route is None:
            await send({"type": "websocket.close", "code": NOWHERE})
            return
        await send({"type": "websocket.accept"})

        async def context() -> Context:
            return self.access.context(actor, self.clock(), self.language)

        line = AsgiLine(receive, send)
        try:
            await route.run(context, line)
        finally:
            await line.settled()

    async def _health(self, path: str, send: Any) -> None:
        """`/health/live`: this process answers. `/health/ready`: the store answers too."""
        status = 200
        if path != "/health/live":
            try:
                await self.access.store.note("ready")
            except Problem:
                status = 503
        body = b'{"status":"ok"}' if status == 200 else b'{"status":"waiting for the store"}'
        await _send(send, "GET", {}, Answer(status, body, {}, "application/json"))

    # -- FHIR ---------------------------------------------------------------------------------------

    async def _fhir(self, scope: Any, receive: Any, send: Any) -> None:
        headers = _headers(scope)
        origin = self._origin(scope, headers)
        raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        call = Call(
            scope["method"],
            path_of(raw)[1:],
            percent_encoded(scope["query_string"]),
            headers,
            b"",
            origin + "/fhir",
        )
        with self.bodies.coming(headers, receive) as body:
            answer = preflight(call.method, headers) or await self._ahead(call, body)
            answer = answer or await self._answered(call, body)
        await _send(send, call.method, headers, answer)

    async def _ahead(self, call: Call, body: Body) -> Answer | None:
        """The answer to what is plain, by who was recognised a moment ago; None: to be asked in full.

        Plain is a read, a search, a write or a transaction of writes, and an operation whose answer is
        remembered. One statement does it, or proves what is remembered, and asks whether what they stood on
        still stands. Whatever is refused, for which nothing was written, is asked in full too, so that each
        refusal has its audit line, under the rights of then.
        """
        path, headers = call.path, call.headers
        if not self._plain(call):
            return None
        now = self.clock()
        known = self.recall(headers, now)
        if known is None:
            return None
        view = self.access.ahead(*known, now, call.language)
        try:
            refuse_null("/".join(path), "http.path")
            if call.method != "GET":
                call = await _with_body(call, body)
            wanted_format(headers, call.query, call.body)
            answer = await answer_now(self.interactions, call, view, self.access.settings)
        except Unproven:
            # Whoever may have been shut out is known again before more is taken of them.
            self.forget(headers)
            return None
        except Problem as refusal:
            # What took too long once is not asked a second time.
            if refusal.kind not in ("too-costly", "transient"):
                return None
            answer = failed(placed(refusal, "http.path"), call.language)
        except Exception:
            answer = failed(unforeseen(call.method, "/".join(path)), call.language)
        return await rendered(answer, call)

    def _plain(self, call: Call) -> bool:
        """Whether one statement may answer a request that needs nothing else."""
        path, headers = call.path, call.headers
        if "prefer" in headers or call.method not in _METHODS:
            return False
        if not path:
            return call.method == "POST"
        if len(path) > 2 or path[0] not in type_numbers() or path[-1][:1] == "_":
            return False
        if path[-1][:1] == "$":
            return call.method == "GET" and self.interactions.recalls(*path)
        return not brings_body(headers) if call.method == "GET" else not says_long(headers)

    async def _answered(self, call: Call, body: Body) -> Answer:
        try:
            refuse_null("/".join(call.path), "http.path")
            # Who asks comes before what is asked: nobody's body is not even read.
            context = await self.context(_by_token(call.headers), call.language)
            if context.actor.kind == "anonymous" and call.path != ("metadata",):
                await self._note_nobody(context, call)
                raise unidentified()
            refuse_override(call.headers)
            if call.method not in ("GET", "HEAD") or brings_body(call.headers):
                call = await _with_body(call, body)
            # Nothing is done whose answer the client could not read; files have a format of their own.
            if call.path[:1] != (PLACE,) and not asks_content(call):
                wanted_format(call.headers, call.query, call.body)
            later = await deferred(self.interactions, call, context.store)
            answer = later or await answer_now(self.interactions, call, context.store, self.access.settings)
        except Problem as refusal:
            answer = _refused(refusal, call.method, call.language)
        except Exception:
            answer = failed(unforeseen(call.method, "/".join(call.path)), call.language)
        return await rendered(answer, call)

    async def _note_nobody(self, context: Context, call: Call) -> None:
        """An audit line of a request without credentials; never so many as to be an attack themselves."""
        minute = int(context.now.timestamp()) // 60
        self.nobody = (minute, self.nobody[1] + 1 if self.nobody[0] == minute else 1)
        if self.nobody[1] <= _NOBODY_A_MINUTE:
            await context.store.note(call.method.lower()[:20], "/".join(call.path)[:200] or "*", "login")

    async def context(self, headers: Mapping[str, str], language: str) -> Context:
        """The context of a request: who asks is found by a context that is nobody's."""
        now = self.clock()
        nobody = self.access.context(ANONYMOUS, now, language)
        return self.access.context(await self.identify(nobody, headers), now, language)

    def _origin(self, scope: Any, headers: Mapping[str, str]) -> str:
        if self.base_url:
            return self.base_url
        scheme = scope.get("scheme", "http")
        if self._by_proxy(scope):
            # Of several the last one is the proxy's own.
            told = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip()
            scheme = "https" if told == "https" else scheme
        return f"{scheme}://{headers.get('host', 'localhost')}"

    def _by_proxy(self, scope: Any) -> bool:
        """Whether the declared proxy sent this: only its X-Forwarded headers are believed."""
        return bool(self.trusted_proxy) and (scope.get("client") or ("", 0))[0] == self.trusted_proxy

    def _client(self, scope: Any, headers: Mapping[str, str]) -> str:
        """The address of who asks: the last one that the declared proxy saw, else the peer's own."""
        if self._by_proxy(scope):
            return headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return str((scope.get("client") or ("", 0))[0])

    # -- doors and routes ---------------------------------------------------------------------------

    async def _door(self, door: Opening, scope: Any, receive: Any, send: Any) -> None:
        headers = _headers(scope)
        answer = preflight(scope["method"], headers, door.door.key)
        answer = answer or await self._opened(door, scope, headers, receive)
        await _send(send, scope["method"], headers, answer)

    async def _opened(self, door: Opening, scope: Any, headers: Mapping[str, str], receive: Any) -> Answer:
        language = language_of(headers, "en")
        try:
            # Who asks comes before what is asked here too; what needs nobody has no body.
            context = await self._let_in(door.door, headers, language)
            nobody = context.actor.kind == "anonymous"
            if nobody and not door.open_to_all(scope["path"]):
                raise unidentified()
            refuse_override(headers)
            with self.bodies.coming(headers, receive) as body:
                came = b"" if nobody else await body.read()
                return await door.answer(context, self._request(scope, headers, came, {}))
        except Problem as refusal:
            return _refused(refusal, scope["method"], language)
        except Exception:
            return failed(unforeseen(scope["method"], scope["path"]), language)

    async def _let_in(self, door: Door, headers: Mapping[str, str], language: str) -> Context:
        """The context of who asks at a door: by its key when one came, else by token."""
        key = headers.get(door.key.lower(), "") if door.key else ""
        if not key or self.by_key is None:
            return await self.context(_by_token(headers), language)
        now = self.clock()
        nobody = self.access.context(ANONYMOUS, now, language)
        return self.access.context(await self.by_key(nobody, door, key), now, language)

    def _request(
        self, scope: Any, headers: Mapping[str, str], body: bytes, params: Mapping[str, str]
    ) -> Request:
        refuse_null(scope["path"], "http.path")
        form: tuple[tuple[str, str], ...] = ()
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = tuple(decoded_bytes(body, "http.body"))
        return Request(
            scope["method"],
            scope["path"],
            params,
            tuple(decoded_bytes(scope["query_string"], "http.query")),
            form,
            headers,
            cookies_of(headers),
            body,
            self._origin(scope, headers),
            self._client(scope, headers),
        )

    def _bare(self, scope: Any, headers: Mapping[str, str], params: Mapping[str, str]) -> Request:
        """The request without its body; without path and query too when these are what cannot be read."""
        try:
            return self._request(scope, headers, b"", params)
        except Problem:
            return self._request({**scope, "path": "/", "query_string": b""}, headers, b"", {})

    def _endpoint(self, route: Route) -> Callable[[StarletteRequest], Awaitable[StarletteResponse]]:
        async def endpoint(request: StarletteRequest) -> StarletteResponse:
            headers = _headers(request.scope)
            context = self.access.context(ANONYMOUS, self.clock(), self.language)
            plain = self._bare(request.scope, headers, request.path_params)
            try:
                most = await self._most(headers)
                with self.bodies.coming(headers, request.receive, most=most) as body:
                    plain = self._request(request.scope, headers, await body.read(), request.path_params)
                    context = await self.context(headers, language_of(headers, self.language))
                    response = await route.run(context, plain)
            except Problem as refusal:
                response = self._refusal(context, plain, refusal)
            except Exception:
                response = self._refusal(context, plain, unforeseen(route.method, route.path))
            return _starlette(response, headers, secure=plain.base_url.startswith("https:"))

        return endpoint

    async def _most(self, headers: Mapping[str, str]) -> int:
        """Bytes of a body that a page or the sign-on takes: nobody sends files, only forms."""
        length = announced(headers)
        if length is not None and length <= ALWAYS:
            return ALWAYS
        context = await self.context(headers, self.language)
        return ALWAYS if context.actor.kind == "anonymous" else self.bodies.most

    def _refusal(self, context: Context, request: Request, refusal: Problem) -> Response:
        if self.page_error is not None and "text/html" in request.headers.get("accept", ""):
            page = self.page_error(context, request, refusal)
            return replace(page, headers={**page.headers, **refusal.headers})
        answer = failed(refusal, context.language)
        return Response(answer.status, answer.body, answer.media_type, answer.headers)

    async def _nowhere(self, request: StarletteRequest, error: Exception) -> StarletteResponse:
        path = request.url.path[:200]
        first = path.removeprefix("/").partition("/")[0]
        refusal = _elsewhere(path) if first == "metadata" or first in type_numbers() else not_found(path)
        if getattr(error, "status_code", 404) == 405:
            here = (r for r in self.others.routes if r.matches(request.scope)[0] is not Match.NONE)
            refusal = only(request.method, *sorted({method for r in here for method in r.methods}))
        refusal = placed(refusal, "http.path")
        headers = _headers(request.scope)
        plain = self._bare(request.scope, headers, {})
        context = self.access.context(ANONYMOUS, self.clock(), language_of(headers, self.language))
        return _starlette(self._refusal(context, plain, refusal), headers, secure=False)


async def _with_body(call: Call, body: Body) -> Call:
    """The call with its body, which is read as a resource where that takes long. Problem: it did not come."""
    came = await body.read()
    return replace(call, body=came, read=await read_aside(call.headers, came))


def _elsewhere(path: str) -> Problem:
    """The refusal of what is asked outside the FHIR base."""
    return problem(
        "not-found",
        f"{path} is not known here; FHIR answers below /fhir: /fhir{path}",
        f"{path} n'est pas connu ici ; FHIR répond sous /fhir : /fhir{path}",
    )


def _refused(refusal: Problem, method: str, language: str) -> Answer:
    """What is told of a refusal; who asks by OPTIONS what an address takes is answered by that."""
    if method == "OPTIONS" and refusal.kind == "method":
        return options(refusal)
    return failed(placed(refusal, "http.path"), language)


def _by_token(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without cookies: the API takes tokens only, so that no other site speaks in one's name."""
    if "cookie" not in headers:
        return headers
    return {name: value for name, value in headers.items() if name != "cookie"}


def _headers(scope: Any) -> dict[str, str]:
    """The headers by their names, in lower case as ASGI gives them; what stands on several lines is one list.

    Rule: RFC 9110 section 5.3; RFC 6265 section 5.4 for cookies.
    """
    found: dict[str, str] = {}
    for line in scope["headers"]:
        name, value = line[0].decode("latin-1"), line[1].decode("latin-1")
        if name in found:
            value = f"{found[name]}{'; ' if name == 'cookie' else ', '}{value}"
        found[name] = value
    if criteria := found.get("if-none-exist"):
        found["if-none-exist"] = percent_encoded(criteria.encode("latin-1"))
    return found


def _starlette(response: Response, headers: Mapping[str, str], *, secure: bool) -> StarletteResponse:
    body = response.body.encode() if isinstance(response.body, str) else response.body
    extra = {**SECURITY_HEADERS, **response.headers}
    if _takes_gzip(headers) and len(body) > _GZIP_FROM and not extra.get("Content-Encoding"):
        body = gzip.compress(body, 5)
        extra |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    out = StarletteResponse(body, response.status, extra, response.media_type)
    for cookie in response.cookies:
        out.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            path=cookie.path,
            httponly=True,
            samesite="lax",
            secure=secure,
        )
    return out


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    return _offers_gzip(headers.get("accept-encoding", ""))


@remembered(100_000, lambda found, accepted: len(accepted) + 100)
def _offers_gzip(accepted: str) -> bool:
    offers = [o.replace(" ", "").lower() for o in accepted.split(",")]
    return any(o == "gzip" or (o.startswith("gzip;q=") and o[7:].strip("0.")) for o in offers)


async def _send(send: Any, method: str, headers: Mapping[str, str], answer: Answer) -> None:
    body = answer.body
    out = {"content-type": answer.media_type, **_ALWAYS}
    if "origin" in headers:
        out.update(shown_to(headers))
    for name, value in answer.headers.items():
        out[name.lower()] = value
    if not body and answer.status in (204, 304):
        del out["content-type"]
    if len(body) > _GZIP_FROM and _takes_gzip(headers):
        body = answer.packed or await by_size(len(body), gzip.compress, body, 3)
        out["content-encoding"] = "gzip"
        out.setdefault("vary", "accept-encoding")
    if answer.status not in (204, 304):
        # Rule: RFC 9110 section 8.6: what has no content has no length of it.
        out["content-length"] = str(len(body))
    pairs = [_pair(name, value) for name, value in out.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _pair(name: str, value: str) -> tuple[bytes, bytes]:
    """A header as it is sent."""
    if "\n" in value or "\r" in value:
        value = value.replace("\r", "").replace("\n", "")
    return name.encode("latin-1"), value.encode("latin-1", "replace")
