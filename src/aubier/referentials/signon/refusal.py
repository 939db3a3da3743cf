"""Refusals in the form OAuth prescribes, the only place where a Problem is not the answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Request, Response

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
OPEN = {"Access-Control-Allow-Origin": "*"}
"""For answers that never depend on a cookie: applications in a browser may read them from any origin."""

MAX_VALUE = 4096
_LONGER = {"client_assertion": 8192, "scope": 4096}


class Refusal(Exception):
    """An OAuth error: `code` as in RFC 6749 section 5.2, an ASCII sentence and an HTTP status."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status


def json_response(data: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(status, json.dumps(data, ensure_ascii=False), headers={**NO_STORE, **OPEN, **headers})


def refusal_response(refusal: Refusal, challenge: str = "") -> Response:
    """The JSON form of a refusal; `challenge` is the WWW-Authenticate header of a 401."""
    extra = {"WWW-Authenticate": challenge} if challenge and refusal.status == 401 else {}
    body = {"error": refusal.code, "error_description": refusal.text}
    return json_response(body, refusal.status, **extra)


Endpoint = Callable[..., Awaitable[Response]]


def oauth_answer(run: Endpoint) -> Endpoint:
    """Wraps an endpoint: a Refusal, or a Problem about the input, becomes OAuth's JSON."""

    async def answer(realm: Any, ctx: Any, request: Request) -> Response:
        try:
            return await run(realm, ctx, request)
        except Refusal as refusal:
            return refusal_response(refusal, 'Basic realm="aubier"')
        except Problem as found:
            if found.kind not in ("too-long", "value", "invalid"):
                raise  # not about the input: the store does not answer, say
            code = "invalid_scope" if "http.scope" in found.issues[0].at else "invalid_request"
            return refusal_response(Refusal(code, found.issues[0].text))

    answer.__doc__ = run.__doc__
    return answer


def single_values(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The parameters of a request, each at most once and of bounded length.

    Rule: RFC 6749 section 3.1 and 3.2: a parameter must not be included more than once, and one without a
    value counts as absent. Raises Refusal `invalid_request`.
    """
    if len(pairs) > 64:
        raise Refusal("invalid_request", "too many parameters")
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise Refusal("invalid_request", "a parameter is repeated")
    for name, value in pairs:
        if len(value) > _LONGER.get(name, MAX_VALUE) or "\0" in value:
            raise Refusal("invalid_request", "a parameter is too long or not text")
    return {name: value for name, value in pairs if value}


_EXPIRED = "The access token expired"


def is_expired(refused: Problem) -> bool:
    """Whether a refusal of `invalid_login` is about time alone."""
    return refused.issues[0].text == _EXPIRED


def invalid_login(expired: bool = False) -> Problem:
    """The one answer to a token or session that does not open: expired, or not valid; never why."""
    text = _EXPIRED if expired else "The access token is not valid"
    fr = "Le jeton d'accès a expiré" if expired else "Le jeton d'accès n'est pas valable"
    refused = problem("login", text, fr, at="http.Authorization", rule="RFC 6750 section 3.1")
    refused.headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{text}"'
    return refused
