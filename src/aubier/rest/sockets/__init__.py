"""WebSockets: what an ASGI server gives, as rooms see it."""
