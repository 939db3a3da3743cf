"""A file of another host: fetched from the hosts that are allowed, from the address that was looked at.

A name is resolved once, every address it has must be one that may be asked, and that very address is
connected to: no later answer of a name server leads elsewhere. No redirect is followed and no proxy is used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from aubier.ground.addresses import Address, address_of, is_public
from aubier.ground.problem import Problem, problem

_WITHIN = 30.0
"""Seconds within which a host answers, or says something more."""
_PIECE = 1 << 18
_PORTS = {"https": 443, "http": 80}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCHEMES = frozenset({"https", "http"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which hosts may be asked: those named, and in the sandbox this machine itself."""

    hosts: frozenset[str] = frozenset()
    loopback: bool = False

    @classmethod
    def of(cls, settings: Any) -> Allowed:
        """What the settings allow."""
        named = (name.strip().lower() for name in settings.import_hosts.split(","))
        return cls(frozenset(name for name in named if name), settings.sandbox)

    def check(self, url: str) -> SplitResult:
        """The address, taken apart. Problem: it is none, or its host is not allowed."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise _refused(url) from None
        if parts.scheme not in _SCHEMES or not host or parts.username is not None or not url.isascii():
            raise _refused(url)
        if any(c <= " " or c == "\x7f" for c in url):
            raise _refused(url)
        here = self.loopback and host in _LOOPBACK
        named = host in self.hosts if port in (None, 443) else f"{host}:{port}" in self.hosts
        if not here and (parts.scheme != "https" or not named):
            raise problem(
                "forbidden",
                f"Files are not fetched from {parts.scheme}://{host[:100]} here; the operator names the hosts"
                " in AUBIER_IMPORT_HOSTS",
                f"On ne va pas chercher de fichiers sur {parts.scheme}://{host[:100]} ici ; l'exploitant"
                " nomme les hôtes dans AUBIER_IMPORT_HOSTS",
                at="Parameters.parameter.part.url",
            )
        return parts

    def address(self, host: str, port: int) -> str:
        """The address to connect to. Problem: one of those that the name has may not be asked."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise unreached(host) from None
        addresses = [str(row[4][0]) for row in found]
        for text in addresses:
            if not self._may(address_of(text), host):
                raise problem(
                    "forbidden",
                    f"{host[:100]} has an address that may not be asked; the operator may name it too",
                    f"{host[:100]} a une adresse qu'on ne peut pas interroger ; l'exploitant peut la nommer",
                )
        return addresses[0]

    def _may(self, address: Address, host: str) -> bool:
        if address.is_loopback:
            return self.loopback and host in _LOOPBACK
        return is_public(address) or str(address) in self.hosts


class Remote:
    """One file, from a byte on. `etag` names the version that was begun; the rest must be of that one."""

    def __init__(self, url: str, allowed: Allowed, offset: int, etag: str, largest: int) -> None:
        self._parts, self._allowed = allowed.check(url), allowed
        self._offset, self._largest = offset, largest
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None
        self.etag = etag

    def read(self) -> bytes:
        """The next bytes; none at the end. Problem: it is refused, or changed; `transient`: not reached."""
        host = self._parts.hostname or ""
        try:
            response = self._response or self._open(host)
            data = response.read1(_PIECE)
        except (OSError, http.client.HTTPException):
            raise unreached(host) from None
        if not data and response.length:
            raise unreached(host)  # the connection ended before the file
        self._offset += len(data)
        if self._offset > self._largest:
            raise _too_long(self._largest)
        return data

    def close(self) -> None:
        """Ends the connection."""
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()

    def _open(self, host: str) -> http.client.HTTPResponse:
        port = self._parts.port or _PORTS[self._parts.scheme]
        address = self._allowed.address(host, port)
        secure = self._parts.scheme == "https"
        self._connection = _Secure(host, port, address) if secure else _Plain(host, port, address)
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        self._connection.request("GET", target, headers=self._headers())
        response = self._response = self._connection.getresponse()
        self._check(response)
        if self._offset and response.status == 200:
            self._skip(response, self._offset)
        return response

    def _headers(self) -> Mapping[str, str]:
        headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "identity"}
        return headers | ({"Range": f"bytes={self._offset}-"} if self._offset else {})

    def _check(self, response: http.client.HTTPResponse) -> None:
        if response.status == 416 and self._offset:
            raise _changed()
        if response.status >= 500 or response.status in (408, 429):
            raise unreached(self._parts.hostname or "")
        if response.status not in (200, 206) or (response.status == 206 and not self._from_here(response)):
            raise problem(
                "processing",
                f"The host answered {response.status}; the file must be there without a redirect",
                f"L'hôte a répondu {response.status} ; le fichier doit être là sans redirection",
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise problem("processing", "The file came compressed", "Le fichier est arrivé compressé")
        size = response.headers.get("Content-Length", "")
        if size.isdecimal() and int(size) > self._largest:
            raise _too_long(self._largest)
        etag = response.headers.get("ETag", "")
        if self.etag and etag.removeprefix("W/").strip('"') != self.etag.removeprefix("W/").strip('"'):
            raise _changed()
        self.etag = etag

    def _from_here(self, response: http.client.HTTPResponse) -> bool:
        return response.headers.get("Content-Range", "").startswith(f"bytes {self._offset}-")

    @staticmethod
    def _skip(response: http.client.HTTPResponse, offset: int) -> None:
        """Passes over what was had, of a host that knows no ranges."""
        while offset:
            data = response.read1(min(offset, _PIECE))
            if not data:
                raise _changed()
            offset -= len(data)


class _Plain(http.client.HTTPConnection):
    """A connection to the address that was looked at, whatever the name leads to by now."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=_WITHIN)
        self._address = address

    def connect(self) -> None:
        """Connects to that address."""
        self.sock = socket.create_connection((self._address, self.port), _WITHIN)


class _Secure(http.client.HTTPSConnection):
    """The same, with the certificate of the name."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=_WITHIN)
        self._address, self._trust = address, ssl.create_default_context()

    def connect(self) -> None:
        """Connects to that address and asks for the certificate of the name."""
        plain = socket.create_connection((self._address, self.port), _WITHIN)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)


def unreached(host: str) -> Problem:
    """The host does not answer now: tried again."""
    return problem(
        "transient",
        f"{host[:100]} does not answer as it should",
        f"{host[:100]} ne répond pas comme il faut",
    )


def _refused(url: str) -> Problem:
    return problem(
        "value",
        f"'{url[:200]}' is no address like https://host/file.ndjson, without user name",
        f"« {url[:200]} » n'est pas une adresse comme https://hote/fichier.ndjson, sans nom d'utilisateur",
        at="Parameters.parameter.part.url",
    )


def _changed() -> Problem:
    return problem(
        "conflict",
        "The file is another one than the one that was begun; import the new one apart",
        "Le fichier n'est plus celui qu'on avait commencé ; importez le nouveau à part",
    )


def _too_long(largest: int) -> Problem:
    return problem(
        "too-long",
        f"The file is larger than {largest} bytes; split it",
        f"Le fichier dépasse {largest} octets ; découpez-le",
    )
