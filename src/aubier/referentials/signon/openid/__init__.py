"""The protocol: authorization, token exchange, userinfo, introspection, revocation, sign-out, discovery."""
