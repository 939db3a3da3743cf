"""The headers under which a content that came from elsewhere is sent to a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

_SHOWN = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain"})
"""Types that a browser may show by itself; any other is offered to be saved."""


def safe_headers(media_type: str, title: str) -> dict[str, str]:
    """The headers under which a stranger's content is sent: never sniffed, never run, never cached elsewhere.

    PDF viewers of browsers do not work in a sandbox: a PDF gets the same policy without that word.
    """
    kind = media_type.partition(";")[0].lower()
    how = "inline" if kind in _SHOWN else "attachment"
    name = re.sub(r"[^\w .()-]", "_", title)[:100].strip() or "document"
    sandbox = "" if kind == "application/pdf" else "; sandbox"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; img-src data:{sandbox}",
        "Content-Disposition": f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "private, no-cache",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
