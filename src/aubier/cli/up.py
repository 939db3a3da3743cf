"""`aubier up` and `aubier serve`: everything started, watched, and stopped together."""

from __future__ import annotations

import json
import os
import resource
import signal
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from aubier.app import House, build
from aubier.cli.doctor.port import check_port
from aubier.cli.instance import note, noted
from aubier.cli.packages import load_at_start
from aubier.cli.speech import Progress, carry_out, counted, say
from aubier.ground.problem import Problem, problem
from aubier.sandbox.letters import cda_letter
from aubier.sandbox.loader import Loaded, load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.settings import Settings, check_exposure, unknown
from aubier.store.embedded.server import EmbeddedServer
from aubier.store.embedded.template import keep_template

_READY_WITHIN = 60.0

_CONNECTIONS = 8192
"""Connections that a serving process holds at once, where the system lets it open as many files."""

_OWN_FILES = 256
"""Files of a serving process that are no connections of clients: those of the database, and what it reads."""


def run(settings: Settings) -> None:
    """Starts the database, fills the sandbox once, serves until Ctrl-C, stops everything."""
    check_exposure(settings)
    _check_kind(settings)
    check_port(settings)
    _tell_unknown()
    if settings.database_url:
        _live(settings, settings.database_url, None)
        return
    embedded = EmbeddedServer(settings.data)
    say(f"Base de données dans {embedded.data}", f"Database in {embedded.data}")
    dsn = embedded.start()
    try:
        _live(settings, dsn, embedded)
    finally:
        try:
            say("Arrêt de la base", "Stopping the database")
        finally:  # whoever read us may be gone
            embedded.stop()


def _live(settings: Settings, dsn: str, embedded: EmbeddedServer | None) -> None:
    carry_out(_prepare(settings, dsn))
    if embedded is not None:
        if settings.sandbox:
            carry_out(keep_template(dsn))
        embedded.guard(report=_database_news)
    _serve(settings, dsn)


def _check_kind(settings: Settings) -> None:
    """Invented people never enter a folder of production, which never serves as a sandbox."""
    was = noted(settings.data).get("sandbox")
    if was is not None and was != settings.sandbox:
        raise _other_kind(settings, was=was)


def _other_kind(settings: Settings, *, was: bool) -> Problem:
    en, fr = (
        ("a sandbox", "un bac à sable")
        if was
        else ("an instance of production", "une instance de production")
    )
    return problem(
        "conflict",
        f"{settings.data} is {en}; choose another folder with --data",
        f"{settings.data} est {fr} ; choisissez un autre dossier avec --data",
    )


def _tell_unknown() -> None:
    for name in unknown(os.environ):
        say(f"Attention : {name} ne règle rien", f"Beware: {name} sets nothing")


def _database_news(refusal: Problem | None) -> None:
    if refusal is None:
        say("La base s'était arrêtée : elle est repartie", "The database had stopped: it is back")
    else:
        say(f"Base : {refusal.issues[0].fr}", f"Database: {refusal.issues[0].text}")


async def _opened(settings: Settings, dsn: str) -> House:
    """The house; a database of an older release may first need a minute for its index rows."""
    progress, gone = Progress(), [0]

    def reindexed(done: int) -> None:
        if not gone[0]:
            say("Index de cette version", "Index rows of this release")
        gone[0] = done
        progress(done, "ressource(s)", "resource(s)")

    house = await build(settings, dsn, reindexed=reindexed)
    if gone[0]:
        progress.end()
    return house


async def _prepare(settings: Settings, dsn: str) -> None:
    house = await _opened(settings, dsn)
    try:
        if settings.sandbox:
            await fill(house, settings)
        elif await house.store.note("territory"):
            raise _other_kind(settings, was=True)
        else:
            note(settings)
        await load_at_start(house, settings)
    finally:
        await house.stop()


async def fill(house: House, settings: Settings) -> None:
    """Loads the territory unless it is there already; an interrupted load goes on and ends the same."""
    known = json.loads(await house.store.note("territory") or "{}")
    plan = _plan(settings, known)
    note(replace(settings, citizens=int(plan["citizens"])))
    if known.get("done"):
        there = counted(known["resources"], "ressource(s)", "resource(s)")
        say(f"Territoire déjà là : {there}", f"Territory is there: {there}")
        return
    day = date.fromisoformat(known.get("day", house.clock().date().isoformat()))
    await house.store.set_note("territory", json.dumps({**plan, "day": day.isoformat()}))
    people = counted(int(plan["citizens"]), "habitant(s) inventé(s)", "invented citizen(s)")
    say(f"Création du territoire : {people}", f"Making the territory: {people}")
    progress = Progress()
    started = time.monotonic()

    def told(loaded: Loaded) -> None:
        progress(loaded.resources, "ressource(s)", "resource(s)")

    plan_of = Plan(today=day, citizens=int(plan["citizens"]), seed=settings.seed, writer=cda_letter)
    made = territory(plan_of)
    loaded = await load_territory(house.access, made, house.clock(), told)
    progress.end()
    await house.store.analyse()
    done = {**plan, "day": day.isoformat(), "done": True, "resources": loaded.resources}
    await house.store.set_note("territory", json.dumps(done))
    took = time.monotonic() - started
    counts = (
        counted(loaded.resources, "ressource(s)", "resource(s)"),
        counted(loaded.identities, "identité(s)", "identified person(s)"),
        counted(loaded.accounts, "compte(s)", "account(s)"),
    )
    say(f"{', '.join(counts)} en {took:.0f} s", f"{', '.join(counts)} in {took:.0f} s")


def _plan(settings: Settings, known: Mapping[str, Any]) -> dict[str, Any]:
    """The territory to make, or the one begun there, which is gone on with. Problem for another seed."""
    if known and known["seed"] != settings.seed:
        seed = known["seed"]
        raise problem(
            "conflict",
            f"{settings.data} holds the territory of seed {seed}; choose another folder",
            f"{settings.data} contient le territoire de la graine {seed} ; choisissez un autre dossier",
        )
    if known and known["citizens"] != settings.citizens:
        there = counted(known["citizens"], "habitant(s)", "citizen(s)")
        say(
            f"Le territoire garde ce qu'il a, {there} ; un autre dossier peut en avoir d'autres",
            f"The territory keeps what it has, {there}; another folder can have others",
        )
    return {"seed": settings.seed, "citizens": known.get("citizens", settings.citizens)}


def _serve(settings: Settings, dsn: str) -> None:
    os.environ |= _environment(settings, dsn)
    server = Granian(
        "aubier.app:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        # Of HTTP/2 neither a silent connection nor its headers would be bounded: it belongs to a proxy.
        http=HTTPModes.http1,
        backpressure=_connections(),
        workers=settings.workers or max(1, (os.cpu_count() or 1) // 2),
        websockets=True,
        log_level="warning" if settings.log_level == "info" else settings.log_level,  # type: ignore[arg-type]
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        ssl_cert=Path(settings.tls_cert) if settings.tls_cert else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
    )
    watcher = threading.Thread(target=_announce, args=(settings,), daemon=True)
    watcher.start()
    # Granian takes SIGINT and SIGTERM; a closed terminal is to end us the same way.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    server.serve()


def _connections() -> int:
    """How many connections a serving process takes; as many files as that needs are asked of the system.

    A silent one is closed after 30 seconds: until then it must not stand in the place of somebody's.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OWN_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    files = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    return max(files // 2, files - _OWN_FILES)


def _environment(settings: Settings, dsn: str) -> dict[str, str]:
    """The settings as a serving process reads them."""
    chosen = {
        "HOST": settings.host,
        "PORT": settings.port,
        "DATA": settings.data.absolute(),
        "DATABASE_URL": dsn,
        "BASE_URL": settings.base_url,
        "SANDBOX": int(settings.sandbox),
        "CITIZENS": settings.citizens,
        "SEED": settings.seed,
    }
    return {f"AUBIER_{name}": str(value) for name, value in chosen.items()}


def _announce(settings: Settings) -> None:
    """Prints the ready line when everything answers."""
    address = replace(settings, base_url="").url
    trust = ssl._create_unverified_context() if settings.tls_cert else None  # our own certificate
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=2, context=trust) as answer:
                if answer.status == 200:
                    _introduce(settings, address)
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    say("Le service ne répond pas", "The service does not answer")


def _introduce(settings: Settings, address: str) -> None:
    if settings.sandbox:
        order = (
            "aubier accounts"
            if settings.data == Settings().data
            else f"aubier accounts --data {settings.data}"
        )
        say(f"Bac à sable : qui peut se connecter ?  {order}", f"Sandbox: who can log in?  {order}")
    say("Ctrl-C arrête tout.", "Ctrl-C stops it all.")
    print(f"ready {address}", flush=True)
