"""Which document may name which of our contents: the one that came with it, and no other.

A content has no rights of its own: it opens through a document that names it. A document of one's own that
names another's content would open it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.services.record.mhd.reading import attachments, content_name

_RULE = "IHE MHD 4.2.4 §2:3.68: a content is read through its document"
_KEPT: ContextVar[frozenset[str]] = ContextVar("contents kept by the deposit under way", default=frozenset())


@contextmanager
def depositing(names: Iterable[str]) -> Iterator[None]:
    """Within, documents may name these contents: the deposit under way has just received their bytes."""
    mark = _KEPT.set(frozenset(names))
    try:
        yield
    finally:
        _KEPT.reset(mark)


def _named(document: Resource | None) -> dict[str, str]:
    """Our contents that a document names, each with its place."""
    found = attachments(document or {})
    return {name: f"{at}.url" for at, a in found if (name := content_name(a.get("url")))}


def check_contents(ctx: Context, document: Resource, before: Resource | None) -> None:
    """Refuses a document that names a content which neither it had nor this deposit brings.

    Errors: Problem `business-rule` at each place.
    """
    if ctx.actor.kind == "system":
        return
    known = _named(before).keys() | _KEPT.get()
    text = "Send the content itself: a document does not name the content of another"
    fr = "Envoyez le contenu lui-même : un document ne désigne pas le contenu d'un autre"
    strange = [at for name, at in _named(document).items() if name not in known]
    if strange:
        raise Problem(tuple(Issue("business-rule", text, fr, (at,), rule=_RULE) for at in strange))
