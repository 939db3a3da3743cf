"""The realms of the provider and where their endpoints are."""

from __future__ import annotations

from dataclasses import dataclass

from aubier.referentials.signon.people.accounts import KINDS

_KEYCLOAK = {
    "authorize": "auth",
    "token": "token",
    "userinfo": "userinfo",
    "jwks": "certs",
    "introspect": "token/introspect",
    "revoke": "revoke",
    "logout": "logout",
}
LOGIN = "/signon/login"


@dataclass(frozen=True, slots=True)
class Realm:
    """One issuer: `path` after the base address (empty for the platform's own), who signs in there.

    `strict` realms ask for state and nonce, as Pro Santé Connect does, and give a refresh token unasked.
    """

    name: str
    path: str
    kinds: tuple[str, ...]
    strict: bool = False
    discovery: tuple[str, ...] = ("openid-configuration",)

    def issuer(self, base_url: str) -> str:
        """The issuer identifier under a base address without final slash."""
        return base_url + self.path

    def place(self, endpoint: str) -> str:
        """The path of an endpoint: authorize, token, userinfo, jwks, introspect, revoke or logout."""
        return (
            f"{self.path}/protocol/openid-connect/{_KEYCLOAK[endpoint]}"
            if self.path
            else f"/signon/{endpoint}"
        )


PLATFORM = Realm("aubier", "", KINDS, discovery=("openid-configuration", "oauth-authorization-server"))
CITIZEN = Realm("citizen", "/auth/realms/citizen", ("citizen",))
PROFESSIONAL = Realm(
    "esante-wallet",
    "/auth/realms/esante-wallet",
    ("professional",),
    strict=True,
    discovery=("openid-configuration", "wallet-openid-configuration"),
)
"""The realm that answers as Pro Santé Connect does: same realm name, same Keycloak-shaped addresses.

Rule: ansforge/keycloak-prosanteconnect, psc.properties.
"""

REALMS = {realm.name: realm for realm in (PLATFORM, CITIZEN, PROFESSIONAL)}
