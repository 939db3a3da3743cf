"""Discovery documents: complete, and true to the routes."""

import pytest

from aubier.referentials.signon import SERVICE
from aubier.referentials.signon.openid.discovery import provider, smart_configuration
from aubier.referentials.signon.realms import CITIZEN, PLATFORM, PROFESSIONAL, REALMS, Realm

BASE = "https://aubier.example"


@pytest.mark.parametrize("realm", list(REALMS.values()), ids=list(REALMS))
def test_every_address_is_a_route(realm: Realm) -> None:
    document = provider(realm, BASE)
    paths = {route.path for route in SERVICE.routes}
    places = [
        v for name, v in document.items() if name.endswith(("_endpoint", "_uri")) and isinstance(v, str)
    ]
    assert len(places) == 7
    assert all(place.startswith(BASE) and place.removeprefix(BASE) in paths for place in places)
    for name in realm.discovery:
        assert f"{realm.path}/.well-known/{name}" in paths


@pytest.mark.parametrize("realm", list(REALMS.values()), ids=list(REALMS))
def test_nothing_weak_is_announced(realm: Realm) -> None:
    document = provider(realm, BASE)
    assert document["issuer"] == BASE + realm.path
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    assert "password" not in document["grant_types_supported"]
    assert not any(
        alg.startswith(("HS", "none")) for alg in document["token_endpoint_auth_signing_alg_values_supported"]
    )
    assert document["subject_types_supported"] == ["public"]


def test_the_professional_realm_is_shaped_as_pro_sante_connect() -> None:
    document = provider(PROFESSIONAL, BASE)
    root = f"{BASE}/auth/realms/esante-wallet/protocol/openid-connect"
    assert document["token_endpoint"] == f"{root}/token"
    assert document["userinfo_endpoint"] == f"{root}/userinfo"
    assert document["introspection_endpoint"] == f"{root}/token/introspect"
    assert document["jwks_uri"] == f"{root}/certs"
    assert "scope_all" in document["scopes_supported"]
    assert document["acr_values_supported"] == ["eidas1", "eidas2", "eidas3"]


def test_a_realm_announces_the_scopes_of_its_people() -> None:
    citizen = provider(CITIZEN, BASE)["scopes_supported"]
    assert "patient/*.rs" in citizen and not any(scope.startswith(("user/", "system/")) for scope in citizen)
    assert "user/*.cruds" in provider(PROFESSIONAL, BASE)["scopes_supported"]


def test_smart_configuration_has_what_smart_requires() -> None:
    document = smart_configuration(BASE)
    required = {"authorization_endpoint", "token_endpoint", "grant_types_supported", "capabilities"}
    required |= {"code_challenge_methods_supported", "issuer", "jwks_uri"}
    assert required <= document.keys()
    assert document["issuer"] == PLATFORM.issuer(BASE)
    assert "client_credentials" in document["grant_types_supported"]
