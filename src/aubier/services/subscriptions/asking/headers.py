"""The headers that a channel sends: kept apart, never shown back.

They hold what opens the subscriber's own door, so whoever reads the Subscription sees their names alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits

from aubier.ground.problem import problem
from aubier.ground.rows import Resource

HIDDEN = "***"
_AT = "Subscription.channel.header"
_MOST, _LONGEST = 20, 4096
_TOKEN = frozenset("!#$%&'*+-.^_`|~" + digits + ascii_letters)
_OURS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "expect", "te"}
    | {"trailer", "keep-alive", "proxy-authorization", "proxy-connection", "accept-encoding"}
)


def shown(subscription: Resource) -> Resource:
    """The Subscription with the values of its headers hidden: as it is stored."""
    channel = subscription.get("channel")
    if not isinstance(channel, dict) or not channel.get("header"):
        return subscription
    names = [f"{str(h).partition(':')[0].strip()}: {HIDDEN}" for h in channel["header"]]
    return {**subscription, "channel": {**channel, "header": names}}


def given(subscription: Resource, kept: Sequence[str], *, same_place: bool) -> list[str]:
    """The headers to send, `Name: value`. One that came back hidden stands for the one that is kept.

    Problem (value): not a header, one that the connection itself needs, too many, or hidden while the
    endpoint is another: what one subscriber trusts us with is not sent elsewhere.
    """
    listed = (subscription.get("channel") or {}).get("header") or []
    if len(listed) > _MOST or sum(len(str(h)) for h in listed) > _LONGEST:
        raise problem(
            "too-long",
            f"At most {_MOST} headers, {_LONGEST} characters",
            f"Au plus {_MOST} en-têtes, {_LONGEST} caractères",
            at=_AT,
        )
    known = {name_of(h): h for h in kept}
    return [_one(str(header), known if same_place else {}) for header in listed]


def name_of(header: str) -> str:
    """The lower-case name of `Name: value`."""
    return header.partition(":")[0].strip().lower()


def _one(header: str, known: dict[str, str]) -> str:
    name, colon, value = header.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not _TOKEN.issuperset(name) or not _plain(value):
        raise problem(
            "value",
            "A header is written 'Name: value', in plain characters on one line",
            "Un en-tête s'écrit « Nom: valeur », en caractères simples sur une ligne",
            at=_AT,
        )
    if name.lower() in _OURS:
        raise problem(
            "value",
            f"The header {name} is set by the server",
            f"L'en-tête {name} est mis par le serveur",
            at=_AT,
        )
    if value != HIDDEN:
        return f"{name}: {value}"
    if name.lower() not in known:
        raise problem(
            "value",
            f"Give the value of the header {name} again: it is kept for the former endpoint alone",
            f"Redonnez la valeur de l'en-tête {name} : elle n'est gardée que pour l'ancienne adresse",
            at=_AT,
        )
    return known[name.lower()]


def _plain(value: str) -> bool:
    return value.isascii() and (value.isprintable() or not value)
