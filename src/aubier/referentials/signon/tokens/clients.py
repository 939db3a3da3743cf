"""Applications: registration, what they may be sent back to, and how they prove who they are."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from math import nan
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from aubier.access.actor import Context
from aubier.access.scopes import PLAIN, parse, refuse_unheld, refuse_unknown
from aubier.ground.chance import random_ids, secret
from aubier.ground.problem import problem
from aubier.ground.rows import Request
from aubier.referentials.signon.people.passwords import digest, same
from aubier.referentials.signon.refusal import Refusal
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.keys import peek, seconds

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ("ES256", "ES384", "RS256", "RS384", "PS256", "PS384")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
DEFAULT_SCOPE = " ".join(sorted(PLAIN - {"ins"})) + " patient/*.cruds user/*.cruds"
MAX_REDIRECTS = 20
MAX_KEYS = 20
_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_SAFE_URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,1024}")


@dataclass(frozen=True, slots=True)
class Client:
    """A registered application. `secret` is there once, in the answer to its registration.

    Without secret and keys it is public: PKCE is then its only proof. A `first_party` one is our own: people
    are not asked before it acts for them.
    """

    id: str
    name: str
    secret: str | None = None
    redirects: tuple[str, ...] = ()
    after_logout: tuple[str, ...] = ()
    scope: str = ""
    jwks: str = ""
    secret_digest: str = ""
    first_party: bool = False

    @property
    def public(self) -> bool:
        """Whether it can keep no secret."""
        return not (self.secret_digest or self.jwks)


def _client(row: Mapping[str, Any], shown: str | None = None) -> Client:
    return Client(
        row["id"],
        row["name"],
        shown,
        tuple(row["redirects"]),
        tuple(row["after_logout"]),
        row["scope"],
        row["jwks"],
        row["secret"],
        row["first_party"],
    )


def check_redirect(uri: str) -> str:
    """`uri` itself when an application may be sent back there.

    https anywhere, or http on the machine itself (loopback address or `localhost`); no fragment, no
    wildcard, no user in it. Raises Problem `value`.
    Rule: RFC 6749 section 3.1.2, RFC 8252 section 7.3, RFC 9700 section 2.1.
    """
    if not _redirect_fits(uri):
        raise problem(
            "value",
            f"This address cannot be returned to (https, or http on this machine, no #, no *): {uri[:200]}",
            f"Adresse de retour refusée (https, ou http sur cette machine, sans # ni *) : {uri[:200]}",
            at="http.redirect_uri",
        )
    return uri


def _redirect_fits(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or not _SAFE_URI.fullmatch(uri) or any(c in uri for c in "#*\\") or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def add_client(
    ctx: Context,
    name: str,
    redirects: Iterable[str] = (),
    *,
    confidential: bool = False,
    jwks: Mapping[str, Any] | None = None,
    scope: str = "",
    after_logout: Iterable[str] = (),
    id: str = "",
    first_party: bool = False,
) -> Client:
    """Registers an application; a confidential one gets a secret, shown this once.

    `jwks`: its public keys as a JWK Set, for `private_key_jwt`. `scope`: all it may ever ask (default:
    identity, `patient/*`, `user/*`; `system/*` and `ins` must be named). `id` only for a known one. Only the
    console flags one as `first_party`: no page and no endpoint registers applications; and it must be able to
    prove who it is, because people are not asked (RFC 8252, 8.6).
    Raises Problem `value` (name, address, keys, what is no scope or cannot be held) or `duplicate` (id).
    """
    places, returns = _places(redirects), _places(after_logout)
    if not name.strip() or len(name) > 100 or not name.isprintable() or (id and not _ID.fullmatch(id)):
        raise problem(
            "value",
            "Give the application a name of 1 to 100 characters",
            "Donnez à l'application un nom de 1 à 100 caractères",
            at="http.name",
        )
    if first_party and not (confidential or jwks) and not all(p.startswith("https:") for p in places):
        raise problem(
            "value",
            "Nobody is asked before a first-party application acts, and any program can answer at this"
            " address: give it a secret, keys, or an https address",
            "Personne n'est consulté avant qu'une application de la plateforme agisse, et n'importe quel"
            " programme peut répondre à cette adresse : donnez-lui un secret, des clés ou une adresse https",
            at="http.redirect_uri",
        )
    allowed = parse(scope or DEFAULT_SCOPE)
    refuse_unknown(allowed)
    refuse_unheld(allowed)
    shown = secret() if confidential else None
    rows = await ctx.store.run(
        "signon.add_client",
        *(id or random_ids(), name.strip(), digest(shown) if shown else "", _public_keys(jwks)),
        *(places, returns, str(allowed), first_party, ctx.now),
    )
    if not rows:
        raise problem(
            "duplicate",
            "An application has this id already; choose another",
            "Une application porte déjà cet identifiant ; choisissez-en un autre",
            at="http.client_id",
        )
    return _client(rows[0], shown)


def _places(uris: Iterable[str]) -> list[str]:
    places = [check_redirect(uri) for uri in dict.fromkeys(uris)]
    if len(places) > MAX_REDIRECTS:
        raise problem(
            "too-long",
            "At most 20 addresses to return to",
            "Au plus 20 adresses de retour",
            at="http.redirect_uri",
        )
    return places


def _public_keys(jwks: Mapping[str, Any] | None) -> str:
    if jwks is None:
        return ""
    try:
        given = list(jwks["keys"])
        if not 0 < len(given) <= MAX_KEYS or not all(map(_strong, given)):
            raise ValueError
        keys = KeySet.import_key_set({"keys": given}).keys
        return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise problem(
            "value",
            "The keys are not a JWK Set of 1 to 20 EC or RSA (2048 bits) keys",
            "Les clés ne sont pas un JWK Set de 1 à 20 clés EC ou RSA (2048 bits)",
            at="http.jwks",
        ) from error


def _strong(key: Mapping[str, Any]) -> bool:
    # 2048 bits are 342 characters of base64url.
    return key["kty"] == "EC" or (key["kty"] == "RSA" and len(key["n"]) >= 342)


async def find_client(ctx: Context, id: str) -> Client | None:
    """The application of an id, or None."""
    rows = await ctx.store.run("signon.client", id) if _ID.fullmatch(id) else []
    return _client(rows[0]) if rows else None


async def list_clients(ctx: Context, limit: int = 1000) -> list[Client]:
    """The registered applications, by name."""
    return [_client(row) for row in await ctx.store.run("signon.clients", limit)]


async def remove_client(ctx: Context, id: str) -> bool:
    """Removes an application and ends its tokens at once; False when it was not there."""
    return bool(await ctx.store.run("signon.remove_client", id, ctx.now))


async def authenticated_client(
    ctx: Context, request: Request, form: Mapping[str, str], audiences: tuple[str, ...]
) -> Client:
    """The application behind a request to the token, introspection or revocation endpoint.

    By exactly one of: Basic, `client_secret` in the form, a signed assertion, or (public) its id alone.
    `audiences` are those an assertion may name. Raises Refusal `invalid_client` (401), never saying why.
    """
    basic = _basic(request.headers)
    proofs = [bool(basic), "client_secret" in form, "client_assertion" in form]
    if sum(proofs) > 1:
        raise Refusal("invalid_request", "more than one client authentication method")
    if "client_assertion" in form:
        return await _by_assertion(ctx, form, audiences)
    id, given = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    if form.get("client_id", id) != id:
        raise _unknown()
    client = await find_client(ctx, id)
    # The comparison is made for an unknown id too, so that both take the same time.
    fits = same(digest(given), client.secret_digest if client else digest("nobody"))
    if client and ((client.public and not any(proofs)) or (client.secret_digest and fits)):
        return client
    raise _unknown()


def _unknown() -> Refusal:
    return Refusal("invalid_client", "client authentication failed", 401)


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    scheme, _, coded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        id, colon, given = base64.b64decode(coded[:1024], validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise _unknown() from error
    if not colon:
        raise _unknown()
    return unquote_plus(id), unquote_plus(given)


async def _by_assertion(ctx: Context, form: Mapping[str, str], audiences: tuple[str, ...]) -> Client:
    token = form["client_assertion"]
    seen = peek(token)
    if form.get("client_assertion_type") != ASSERTION_TYPE or not seen:
        raise _unknown()
    client = await find_client(ctx, str(seen[1].get("sub", "")))
    if not client or not client.jwks or form.get("client_id", client.id) != client.id:
        raise _unknown()
    try:
        keys = KeySet.import_key_set(json.loads(client.jwks))
        claims = jwt.decode(token, keys, algorithms=list(ASSERTION_ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError) as error:
        raise _unknown() from error
    await _check_assertion(ctx, claims, client, audiences)
    return client


async def _check_assertion(
    ctx: Context, claims: Mapping[str, Any], client: Client, audiences: tuple[str, ...]
) -> None:
    limits, now = signon_settings(ctx.settings), seconds(ctx.now)
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    until, since = _number(claims.get("exp")), _number(claims.get("nbf", claims.get("iat", now)))
    jti = claims.get("jti")
    fits = (
        claims.get("iss") == claims.get("sub") == client.id
        and any(a in audiences for a in named)
        and isinstance(jti, str)
        and 0 < len(jti) <= 256
        and jti.isprintable()
    )
    skew = limits.skew_seconds
    timely = now - skew < until <= now + limits.assertion_seconds + skew and since <= now + skew
    if not (fits and timely):
        raise _unknown()
    forget = ctx.now + timedelta(seconds=until - now + 2 * skew)
    if not await ctx.store.run("signon.use_assertion", client.id, jti, forget):
        raise _unknown()


def _number(value: Any) -> float:
    """A JWT time, or a number that compares with nothing when it is none."""
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e11
    return float(value) if plain else nan
