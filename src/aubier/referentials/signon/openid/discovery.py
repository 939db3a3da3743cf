"""What applications read first: discovery documents, keys, SMART configuration."""

from __future__ import annotations

from typing import Any

from aubier.access.actor import Context
from aubier.access.scopes import CEILINGS, PLAIN
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.openid.authorize import ACR_VALUES
from aubier.referentials.signon.openid.exchange import GRANT_TYPES
from aubier.referentials.signon.realms import PLATFORM, Realm
from aubier.referentials.signon.refusal import OPEN, json_response
from aubier.referentials.signon.settings import signon_settings
from aubier.referentials.signon.tokens.clients import ASSERTION_ALGORITHMS, AUTH_METHODS
from aubier.referentials.signon.tokens.keys import ALGORITHM, jwks

_CLAIMS = (
    "sub preferred_username given_name family_name name birthdate birthplace gender fhirUser acr "
    "auth_time sid"
)
_SMART = (
    "client-public client-confidential-symmetric client-confidential-asymmetric launch-standalone "
    "authorize-post context-standalone-patient sso-openid-connect permission-offline permission-online "
    "permission-patient permission-user permission-v1 permission-v2"
)


def provider(realm: Realm, base_url: str) -> dict[str, Any]:
    """The discovery document of a realm. Pure. Rule: OpenID Connect Discovery 1.0 section 3, RFC 8414."""
    place = {name: base_url + realm.place(name) for name in ("authorize", "token", "userinfo", "jwks")}
    place |= {name: base_url + realm.place(name) for name in ("introspect", "revoke", "logout")}
    return {
        "issuer": realm.issuer(base_url),
        "authorization_endpoint": place["authorize"],
        "token_endpoint": place["token"],
        "userinfo_endpoint": place["userinfo"],
        "jwks_uri": place["jwks"],
        "introspection_endpoint": place["introspect"],
        "revocation_endpoint": place["revoke"],
        "end_session_endpoint": place["logout"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": _scopes(realm),
        "claims_supported": _CLAIMS.split(),
        "acr_values_supported": list(ACR_VALUES),
        "ui_locales_supported": ["fr", "en"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }


def _scopes(realm: Realm) -> list[str]:
    smart = [str(scope) for kind in realm.kinds for scope in CEILINGS[kind]]
    return [*sorted(PLAIN), *smart]


def smart_configuration(base_url: str) -> dict[str, Any]:
    """The SMART configuration of the FHIR base. Pure. Rule: SMART App Launch 2.2.0, "Conformance"."""
    document = provider(PLATFORM, base_url)
    kept = (
        "issuer jwks_uri authorization_endpoint token_endpoint introspection_endpoint revocation_endpoint "
        "response_types_supported grant_types_supported scopes_supported code_challenge_methods_supported "
        "token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported"
    )
    return {**{name: document[name] for name in kept.split()}, "capabilities": _SMART.split()}


def _public(data: dict[str, Any]) -> Response:
    made = json_response(data)
    return Response(200, made.body, headers={**OPEN, "Cache-Control": "max-age=300"})


async def show_provider(realm: Realm, ctx: Context, request: Request) -> Response:
    """Serves the discovery document of a realm."""
    return _public(provider(realm, signon_settings(ctx.settings).base_url))


async def show_smart(ctx: Context, request: Request) -> Response:
    """Serves the SMART configuration."""
    return _public(smart_configuration(signon_settings(ctx.settings).base_url))


async def show_keys(realm: Realm, ctx: Context, request: Request) -> Response:
    """Serves the public keys."""
    return _public(await jwks(ctx))
