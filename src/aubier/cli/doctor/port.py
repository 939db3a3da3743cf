"""The port: free, ours, or why we cannot have it."""

from __future__ import annotations

import errno
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import replace

from aubier.cli.doctor.finding import Finding, refused
from aubier.cli.instance import noted
from aubier.ground.problem import Problem, problem
from aubier.settings import Settings
from aubier.store.embedded.server import is_watched

_WITHIN = 3


def port(settings: Settings) -> Finding:
    """Whether `up` could listen there, or this instance answers there already."""
    if is_ours(settings, "live"):
        return _ours(settings)
    try:
        check_port(settings)
    except Problem as taken:
        return refused(taken)
    return True, f"Port {settings.port} libre", f"Port {settings.port} free"


def _ours(settings: Settings) -> Finding:
    if is_ours(settings, "ready"):
        return True, f"Aubier répond au port {settings.port}", f"Aubier answers at port {settings.port}"
    log = settings.data / "log" / "postgres.log"
    return (
        False,
        f"Aubier répond au port {settings.port}, mais sa base ne répond pas ; si cela dure, arrêtez-le et"
        f" relancez-le ; ce que dit la base : {log}",
        f"Aubier answers at port {settings.port}, but its database does not; if this lasts, stop it and start"
        f" it again; what the database says: {log}",
    )


def check_port(settings: Settings) -> None:
    """Problem when nothing of ours can listen there: `lock-error` when it is taken, `forbidden` when the
    system keeps it for root, `value` when this machine has no such address.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _why(settings, error) from error


def _why(settings: Settings, error: OSError) -> Problem:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return _no_address(settings)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _for_root(settings)
    return _runs(settings) if is_ours(settings, "live") else _taken(settings)


def _taken(settings: Settings) -> Problem:
    return problem(
        "lock-error",
        f"Port {settings.port} of {settings.host} is taken by another program; choose another with --port",
        f"Le port {settings.port} de {settings.host} est pris par un autre programme ;"
        " choisissez-en un autre avec --port",
    )


def _runs(settings: Settings) -> Problem:
    here = f"{settings.data} ({settings.url})"
    return problem(
        "lock-error",
        f"Aubier runs already on {here}; stop it with Ctrl-C where it runs",
        f"Aubier tourne déjà sur {here} ; arrêtez-le d'un Ctrl-C là où il tourne",
    )


def _for_root(settings: Settings) -> Problem:
    return problem(
        "forbidden",
        f"The system keeps port {settings.port} for root; choose one above 1023 with --port, and put a proxy"
        " in front of it",
        f"Le système réserve le port {settings.port} à root ; choisissez-en un au-delà de 1023 avec --port,"
        " et mettez un relais devant",
    )


def _no_address(settings: Settings) -> Problem:
    return problem(
        "value",
        f"This machine has no address {settings.host}; 127.0.0.1 is its own",
        f"Cette machine n'a pas d'adresse {settings.host} ; 127.0.0.1 est la sienne",
        at="AUBIER_HOST",
    )


def is_ours(settings: Settings, state: str) -> bool:
    """Whether this folder's instance was started on that port, and what answers speaks as Aubier does.

    A folder that was restored bears the port of the one that was saved, which may still be running.
    """
    if noted(settings.data).get("port") != settings.port:
        return False
    if not settings.database_url and not is_watched(settings.data):
        return False
    address = replace(settings, base_url="").url
    trust = ssl._create_unverified_context() if settings.tls_cert else None  # our own certificate
    try:
        with urllib.request.urlopen(f"{address}/health/{state}", timeout=_WITHIN, context=trust) as answer:
            return bool(answer.read(100) == b'{"status":"ok"}')
    except (OSError, urllib.error.URLError, ValueError):
        return False
