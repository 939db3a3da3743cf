"""The rows of sign-on: its addresses, tables, statements and sweeping job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from aubier.access.actor import Context
from aubier.ground.rows import Job, Method, Route, Service
from aubier.referentials.signon.openid.authorize import authorize
from aubier.referentials.signon.openid.discovery import show_keys, show_provider, show_smart
from aubier.referentials.signon.openid.exchange import exchange
from aubier.referentials.signon.openid.standing import introspect, log_out, revoke, userinfo
from aubier.referentials.signon.people.login import show_login, sign_in
from aubier.referentials.signon.realms import LOGIN, REALMS, Realm
from aubier.referentials.signon.tables import MIGRATIONS, STATEMENTS, SWEEPS
from aubier.referentials.signon.tokens.keys import RETIRED_KEYS_LIVE

_KEPT = max(RETIRED_KEYS_LIVE, timedelta(days=1))
_ENDPOINTS: tuple[tuple[Method, str, Any, str, str], ...] = (
    ("GET", "authorize", authorize, "Authorization", "RFC 6749 4.1; OpenID Connect Core 3.1.2"),
    ("POST", "authorize", authorize, "Authorization, by form", "OpenID Connect Core 3.1.2.1"),
    ("POST", "token", exchange, "Tokens", "RFC 6749 3.2; RFC 7523; RFC 7636"),
    ("GET", "userinfo", userinfo, "Who signed in", "OpenID Connect Core 5.3"),
    ("POST", "userinfo", userinfo, "Who signed in", "OpenID Connect Core 5.3"),
    ("GET", "jwks", show_keys, "Public keys", "RFC 7517"),
    ("POST", "introspect", introspect, "What a token stands for", "RFC 7662"),
    ("POST", "revoke", revoke, "End a token", "RFC 7009"),
    ("GET", "logout", log_out, "Sign out", "OpenID RP-Initiated Logout 1.0"),
    ("POST", "logout", log_out, "Sign out", "OpenID RP-Initiated Logout 1.0"),
)


def _routes(realm: Realm) -> Iterator[Route]:
    for name in realm.discovery:
        yield Route(
            "GET",
            f"{realm.path}/.well-known/{name}",
            partial(show_provider, realm),
            f"Discovery of realm {realm.name}",
            "OpenID Connect Discovery 1.0; RFC 8414",
        )
    for method, endpoint, run, title, rule in _ENDPOINTS:
        yield Route(method, realm.place(endpoint), partial(run, realm), f"{title} ({realm.name})", rule)


async def sweep(ctx: Context) -> None:
    """Deletes what ended a day ago: sessions, grants, refresh tokens, assertions, tries, retired keys."""
    for statement in SWEEPS:
        await ctx.store.run(statement, ctx.now - _KEPT)
    await ctx.store.run("signon.gather")


SERVICE = Service(
    "signon",
    {"fr": "Connexion", "en": "Sign-on"},
    {
        "fr": "Une connexion pour tous : usagers, professionnels (comme Pro Santé Connect), applications.",
        "en": "One sign-on for all: citizens, professionals (as Pro Santé Connect does), applications.",
    },
    reads=("Patient",),
    routes=(
        *(route for realm in REALMS.values() for route in _routes(realm)),
        Route(
            "GET", "/fhir/.well-known/smart-configuration", show_smart, "SMART configuration", "SMART 2.2.0"
        ),
        Route("GET", LOGIN, show_login, "Login page"),
        Route("POST", LOGIN, sign_in, "Sign in"),
    ),
    jobs=(
        Job(
            "signon-sweep",
            600,
            sweep,
            {"fr": "Effacer les sessions et jetons échus", "en": "Sweep ended sessions and tokens"},
        ),
    ),
    migrations=MIGRATIONS,
    statements=STATEMENTS,
)
"""Everything this room brings."""
