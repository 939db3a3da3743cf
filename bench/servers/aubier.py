"""Ours: the application served by one process of granian, as `aubier up` serves it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aubier.access.actor import system_actor
from aubier.app import build
from aubier.referentials.signon import api as signon
from aubier.sandbox.loader import load_territory
from aubier.settings import Settings
from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import DOCTOR, IDNPS, MACHINE, Rights
from bench.servers.peer import Filling, filled
from bench.servers.server import Database, Noted, Process, free_port

ROOT = Path(__file__).resolve().parents[2]
NAME = "aubier"
FILLED = "aubier_filled"
"""A database for the corpus as it comes over HTTP, dropped afterwards."""
_MACHINE = signon.Account(MACHINE, "system", "Bench")
_SCOPES = {"off": (MACHINE, "system/*.cruds"), "on": (DOCTOR, "user/*.cruds")}


class Aubier:
    """This checkout."""

    name = "aubier"
    base = "/fhir"
    modes: tuple[str, ...] = ("off", "on")

    def __init__(self, database: Database, home: Path, *, pool: int = 8, kept: str = NAME) -> None:
        self._database, self._home, self._kept = database, home, kept
        self.settings = replace(
            Settings.load({}),
            data=home / kept,
            sandbox=True,
            port=free_port(),
            pool_size=pool,
            signon_access_seconds=86_400,
        )
        self._process: Process | None = None

    @property
    def dsn(self) -> str:
        """The address of its database."""
        return self._database.of(f"bench_{self._kept}")

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.settings.port

    @property
    def pid(self) -> int:
        """The process of granian, whose child serves."""
        assert self._process
        return self._process.pid

    def build(self, told: Told) -> str:
        """There is nothing to build."""
        return ""

    async def load(self, corpus: Corpus, rights: Rights, told: Told) -> None:
        """By the sandbox's loader, then the professional's rights. It is quick: it begins anew."""
        await self._database.make(f"bench_{self._kept}", anew=True)
        house = await build(self.settings, self.dsn)
        try:
            now = datetime.now(UTC)
            await load_territory(
                house.access,
                corpus.batches(),
                now,
                lambda done: told(
                    f"aubier: loaded {done.resources} of {corpus.facts['resources']} resources"
                ),
            )
            context = house.access.context(system_actor("bench"), now)
            grants = list(rights.grants())
            for start in range(0, len(grants), 1000):
                await context.store.grant(*grants[start : start + 1000])
            doctor = signon.Account(DOCTOR, "professional", "Dr Bench", national_id=IDNPS, profession="10")
            await signon.add_account(context, doctor)
            await signon.add_account(context, _MACHINE)
        finally:
            await house.stop()
        await self._database.analyse(f"bench_{self._kept}")

    async def fill(self, corpus: Corpus, of: str, told: Told) -> dict[str, Any]:
        """The whole corpus over HTTP into an empty database. One of the same commit (`of`) goes on."""
        noted = Noted(self._home / "aubier.filling")
        if noted.facts.get("of") != of:
            noted.forget()
        server = Aubier(self._database, self._home, kept=FILLED)
        await self._database.make(f"bench_{FILLED}", anew=not noted.facts)
        await server._filled(corpus, noted, of, told)
        await self._database.drop(f"bench_{FILLED}")
        found = filled(noted, corpus)
        noted.forget()
        return found

    async def _filled(self, corpus: Corpus, noted: Noted, of: str, told: Told) -> None:
        """Serves, and has the corpus posted by the system actor."""
        if not noted.facts:
            house = await build(self.settings, self.dsn)
            try:
                context = house.access.context(system_actor("bench"), datetime.now(UTC))
                await signon.add_account(context, _MACHINE)
            finally:
                await house.stop()
            noted.note(of=of)
        token = await self.token("off")
        self.start()
        try:
            trees = (self.pid, self._database.pid)
            await Filling("aubier", self.port, self.base, token, trees, noted).send(corpus, told)
        finally:
            self.stop()

    def start(self) -> None:
        """One serving process."""
        facts = {
            "DATA": self.settings.data,
            "DATABASE_URL": self.dsn,
            "SANDBOX": 1,
            "PORT": self.port,
            "POOL_SIZE": self.settings.pool_size,
            "SIGNON_ACCESS_SECONDS": 86_400,
        }
        environ = {"PYTHONPATH": f"{ROOT}/src:{ROOT}", **{f"AUBIER_{k}": str(v) for k, v in facts.items()}}
        command = served("aubier.app:application", self.port, factory=True)
        self._process = Process(
            command, self.port, "/health/ready", environ, self._home / f"{self._kept}.log"
        )
        self._process.start()

    def stop(self) -> None:
        """Stops it."""
        if self._process:
            self._process.stop()

    async def token(self, mode: str) -> str:
        """A fresh token of the system actor (`off`) or of the professional (`on`)."""
        house = await build(self.settings, self.dsn)
        try:
            return await signon.issue_token(house.context(system_actor("bench")), *_SCOPES[mode])
        finally:
            await house.stop()


def served(target: str, port: int, *, factory: bool) -> list[str]:
    """The command that serves an application with one worker."""
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return [*command, *(["--factory"] if factory else []), target]
