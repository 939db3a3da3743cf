"""A file of another host: fetched from the hosts that are allowed, by the one road out (`rest/outgoing`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from aubier.ground.addresses import address_of, is_public
from aubier.ground.problem import Problem, problem
from aubier.rest.outgoing.connection import FAULTS, NotPermitted, Reply, asked

_WITHIN = 30.0
"""Seconds within which a host answers, or says something more."""
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

    def permits(self, host: str, address: str) -> bool:
        """Whether `address`, which the name `host` stands for, may be asked."""
        found = address_of(address)
        if found.is_loopback:
            return self.loopback and host in _LOOPBACK
        return is_public(found) or str(found) in self.hosts


class Remote:
    """One file, from a byte on. `etag` names the version that was begun; the rest must be of that one."""

    def __init__(self, url: str, allowed: Allowed, offset: int, etag: str, largest: int) -> None:
        self._host, self._url, self._allowed = allowed.check(url).hostname or "", url, allowed
        self._offset, self._largest = offset, largest
        self._reply: Reply | None = None
        self.etag = etag

    async def read(self) -> bytes:
        """The next bytes; none at the end. Problem: it is refused, or changed; `transient`: not reached."""
        try:
            reply = self._reply or await self._open()
            async with asyncio.timeout(_WITHIN):
                data = await reply.read()
        except NotPermitted:
            raise problem(
                "forbidden",
                f"{self._host[:100]} has an address that may not be asked; the operator may name it too",
                f"{self._host[:100]} a une adresse qu'on ne peut pas interroger ;"
                " l'exploitant peut la nommer",
            ) from None
        except FAULTS:
            raise unreached(self._host) from None
        self._offset += len(data)
        if self._offset > self._largest:
            raise _too_long(self._largest)
        return data

    def close(self) -> None:
        """Ends the connection."""
        if self._reply is not None:
            self._reply.close()

    async def _open(self) -> Reply:
        async with asyncio.timeout(_WITHIN):
            reply = await asked("GET", self._url.partition("#")[0], self._headers(), reach=self._allowed)
        self._reply = reply
        self._check(reply)
        if self._offset and reply.status == 200:
            await self._skip(reply, self._offset)
        return reply

    def _headers(self) -> Mapping[str, str]:
        headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "identity"}
        return headers | ({"Range": f"bytes={self._offset}-"} if self._offset else {})

    def _check(self, reply: Reply) -> None:
        if reply.status == 416 and self._offset:
            raise _changed()
        if reply.status >= 500 or reply.status in (408, 429):
            raise unreached(self._host)
        if reply.status not in (200, 206) or (reply.status == 206 and not self._from_here(reply)):
            raise problem(
                "processing",
                f"The host answered {reply.status}; the file must be there without a redirect",
                f"L'hôte a répondu {reply.status} ; le fichier doit être là sans redirection",
            )
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise problem(
                "processing",
                "The file came compressed; have the host send it as it is",
                "Le fichier est arrivé compressé ; faites-le servir tel quel",
            )
        size = reply.headers.get("content-length", "")
        if size.isdecimal() and int(size) > self._largest:
            raise _too_long(self._largest)
        etag = reply.headers.get("etag", "")
        if self.etag and etag.removeprefix("W/").strip('"') != self.etag.removeprefix("W/").strip('"'):
            raise _changed()
        self.etag = etag

    def _from_here(self, reply: Reply) -> bool:
        return reply.headers.get("content-range", "").startswith(f"bytes {self._offset}-")

    @staticmethod
    async def _skip(reply: Reply, offset: int) -> None:
        """Passes over what was had, of a host that knows no ranges, at a megabyte a second or more."""
        async with asyncio.timeout(_WITHIN + offset / (1 << 20)):
            while offset:
                data = await reply.read()
                if not data:
                    raise _changed()
                reply.keep(data[offset:])
                offset -= min(offset, len(data))


def unreached(host: str) -> Problem:
    """The host does not answer now: tried again."""
    return problem(
        "transient",
        f"{host[:100]} does not answer as it should; look whether it serves the file",
        f"{host[:100]} ne répond pas comme il faut ; vérifiez qu'il sert bien le fichier",
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
