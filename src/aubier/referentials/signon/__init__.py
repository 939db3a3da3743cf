"""Sign-on: an OpenID Connect provider for citizens, professionals and applications.

Two realms beside the platform's own: `citizen`, and `esante-wallet`, which answers as Pro Santé Connect
does. Authorization code with PKCE, rotating refresh tokens, client credentials (secret or
private_key_jwt), userinfo, introspection, revocation, sign-out, SMART App Launch 2 scopes and
configuration. Access tokens are ES256 JWTs that point at a row, so that ending them takes effect at the next
request.

It does not do: CIBA, device code, PAR, token exchange, mutual TLS, back-channel logout, `jwks_uri` of clients
(nothing leaves the machine), EHR launch.

Rules: OpenID Connect Core 1.0; RFC 6749, 6750, 7009, 7523, 7636, 7662, 8414, 9068, 9207, 9700; SMART App
Launch 2.2.0; transport security guide 1.2.0 (ANS) for lifetimes; PSC userinfo as published in its proof
of concept.
"""

from __future__ import annotations

from aubier.referentials.signon.service import SERVICE

__all__ = ["SERVICE"]
