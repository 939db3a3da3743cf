"""`aubier up` and `aubier serve`: everything started, watched, and stopped together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces

from aubier.app import House, build
from aubier.cli.instance import note
from aubier.cli.speech import Progress, say
from aubier.ground.problem import Problem, problem
from aubier.sandbox.letters import cda_letter
from aubier.sandbox.loader import Loaded, load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.settings import Settings, check_exposure
from aubier.store.embedded.server import EmbeddedServer
from aubier.store.embedded.template import keep_template

_READY_WITHIN = 60.0


def run(settings: Settings) -> None:
    """Starts the database, fills the sandbox once, serves until Ctrl-C, stops everything."""
    check_exposure(settings)
    _check_port(settings)
    embedded = None if settings.database_url else EmbeddedServer(settings.data)
    try:
        dsn = settings.database_url or _start(embedded)
        note(settings)
        asyncio.run(_prepare(settings, dsn))
        if embedded is not None and settings.sandbox:
            asyncio.run(keep_template(dsn))
        if embedded is not None:
            embedded.guard(report=_database_news)
        _serve(settings, dsn)
    finally:
        if embedded is not None:
            say("Arrêt de la base", "Stopping the database")
            embedded.stop()


def _start(embedded: EmbeddedServer | None) -> str:
    assert embedded is not None
    say(f"Base de données dans {embedded.data}", f"Database in {embedded.data}")
    return embedded.start()


def _database_news(refusal: Problem | None) -> None:
    if refusal is None:
        say("La base s'était arrêtée : elle est repartie", "The database had stopped: it is back")
    else:
        say(f"Base : {refusal.issues[0].fr}", f"Database: {refusal.issues[0].text}")


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise problem(
                "lock-error",
                f"Port {settings.port} of {settings.host} is taken; choose another with --port",
                f"Le port {settings.port} de {settings.host} est pris ; choisissez-en un autre avec --port",
            ) from error


async def _prepare(settings: Settings, dsn: str) -> None:
    house = await build(settings, dsn)
    try:
        if settings.sandbox:
            await fill(house, settings)
    finally:
        await house.stop()


async def fill(house: House, settings: Settings) -> None:
    """Loads the territory unless it is there already; an interrupted load goes on and ends the same."""
    plan = {"seed": settings.seed, "citizens": settings.citizens}
    noted = json.loads(await house.store.note("territory") or "{}")
    if noted.get("done") and noted["seed"] == settings.seed:
        say(
            f"Territoire déjà là : {noted['resources']} ressources",
            f"Territory is there: {noted['resources']} resources",
        )
        return
    day = date.fromisoformat(noted.get("day", house.clock().date().isoformat()))
    await house.store.set_note("territory", json.dumps({**plan, "day": day.isoformat()}))
    say(
        f"Création du territoire : {settings.citizens} habitants inventés",
        f"Making the territory: {settings.citizens} invented citizens",
    )
    progress = Progress()
    started = time.monotonic()

    def told(loaded: Loaded) -> None:
        progress(loaded.resources, "ressources", "resources")

    plan_of = Plan(today=day, citizens=settings.citizens, seed=settings.seed, writer=cda_letter)
    made = territory(plan_of)
    loaded = await load_territory(house.access, made, house.clock(), told)
    progress.end()
    await house.store.analyse()
    done = {**plan, "day": day.isoformat(), "done": True, "resources": loaded.resources}
    await house.store.set_note("territory", json.dumps(done))
    took = time.monotonic() - started
    counts = (loaded.resources, loaded.identities, loaded.accounts)
    say(
        "{} ressources, {} identités, {} comptes en {:.0f} s".format(*counts, took),
        "{} resources, {} identities, {} accounts in {:.0f} s".format(*counts, took),
    )


def _serve(settings: Settings, dsn: str) -> None:
    os.environ |= _environment(settings, dsn)
    server = Granian(
        "aubier.app:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.workers or max(1, (os.cpu_count() or 1) // 2),
        websockets=False,
        log_level=settings.log_level,  # type: ignore[arg-type]
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
    scheme = "https" if settings.tls_cert else "http"
    address = f"{scheme}://{settings.host}:{settings.port}"
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    _introduce(settings, address)
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    say("Le service ne répond pas", "The service does not answer")


def _introduce(settings: Settings, address: str) -> None:
    if settings.sandbox:
        say(
            "Bac à sable : qui peut se connecter ?  aubier accounts",
            "Sandbox: who can log in?  aubier accounts",
        )
    say("Ctrl-C arrête tout.", "Ctrl-C stops it all.")
    print(f"ready {address}", flush=True)
