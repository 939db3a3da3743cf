"""Where notifications may be sent. Pure: names and addresses in, yes or a Problem out.

A server that sends to addresses others choose can be made to knock on doors that only it reaches. So:
nothing leaves the machine unless the operator names the host; a named host must have public addresses only;
only a sandbox may send to its own machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aubier.ground.addresses import address_of, is_public
from aubier.ground.problem import Problem, problem

AT = "Subscription.channel.endpoint"
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a running instance may send. `hosts` are named by the operator; `own` lets it reach itself."""

    hosts: frozenset[str] = frozenset()
    own: bool = False

    @classmethod
    def of(cls, settings: Any) -> Reach:
        """What the settings allow."""
        named = str(settings.subscription_hosts).replace(",", " ").lower().split()
        return cls(frozenset(named), bool(settings.sandbox))

    def check(self, endpoint: str) -> None:
        """Problem (value, forbidden) for an endpoint that nothing may be sent to. Looks up no name."""
        host = _host_of(endpoint)
        if self.own and is_own_name(host):
            return
        if host not in self.hosts:
            raise problem(
                "forbidden",
                f"Notifications may not be sent to {host}: the operator names the hosts that may be told"
                " in AUBIER_SUBSCRIPTION_HOSTS" + ("; here, 127.0.0.1 may be too" if self.own else ""),
                f"Les notifications ne peuvent pas partir vers {host} : l'exploitant nomme les machines"
                " permises dans AUBIER_SUBSCRIPTION_HOSTS" + (" ; ici, 127.0.0.1 l'est aussi" * self.own),
                at=AT,
            )
        if not endpoint.lower().startswith("https:"):
            raise problem(
                "value",
                "Outside this machine, notifications are sent over https only",
                "Hors de cette machine, les notifications ne partent qu'en https",
                at=AT,
            )

    def permits(self, host: str, address: str) -> bool:
        """Whether `address`, which the name `host` stands for, may be connected to."""
        found = address_of(address)
        if found.is_loopback:
            return self.own and is_own_name(host.lower())
        return host.lower() in self.hosts and is_public(found)


def is_own_name(host: str) -> bool:
    """Whether a host is written as this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_of(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unreadable() from None
    plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint and "\\" not in endpoint
    if (
        not plain
        or len(endpoint) > _LONGEST
        or parts.scheme not in ("http", "https")
        or not host
        or port == 0
    ):
        raise _unreadable()
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise problem(
            "value",
            "The endpoint holds a user name, a password or a fragment; put secrets in channel.header",
            "L'adresse contient un nom, un mot de passe ou un fragment ; mettez-les dans channel.header",
            at=AT,
        )
    return host.lower().rstrip(".")


def _unreadable() -> Problem:
    return problem(
        "value",
        "The endpoint is not an http(s) address of at most 2,000 plain characters",
        "L'adresse n'est pas une adresse http(s) d'au plus 2 000 caractères simples",
        at=AT,
    )
