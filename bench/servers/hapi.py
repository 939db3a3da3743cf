"""HAPI FHIR JPA, built by `bench/peers/hapi` where Maven and its registry are reached."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.client.connection import Connection
from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import Rights
from bench.servers.server import Database, Noted, Process, free_port

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "bench" / "peers" / "hapi"
BUILT = ROOT / ".build" / "hapi" / "hapi-peer.jar"
NAME = "bench_hapi"
CLIENTS = 4


class Hapi:
    """HAPI with the heap given, the pool of ours, no security and no validation: its fastest."""

    name = "hapi"
    modes: tuple[str, ...] = ("off",)

    def __init__(self, database: Database, home: Path, *, pool: int = 8, heap: str = "4g") -> None:
        self._database, self._home, self._pool, self._heap = database, home, pool, heap
        self._noted = Noted(home / "hapi.loaded")
        self._process: Process | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._process
        return self._process.port

    @property
    def pid(self) -> int:
        """The virtual machine."""
        assert self._process
        return self._process.pid

    def build(self, told: Told) -> str:
        """Builds the jar unless its sources are older than it."""
        if not shutil.which("java"):
            return "java is not installed"
        newest = max(p.stat().st_mtime for p in RECIPE.rglob("*") if p.is_file())
        if BUILT.exists() and BUILT.stat().st_mtime >= newest:
            return ""
        if not shutil.which("mvn"):
            return "mvn is not installed"
        told("hapi: building (half a minute, and the downloads)")
        done = subprocess.run(
            ["mvn", "-B", "-q", "-DskipTests", "package"],
            cwd=RECIPE,
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else f"mvn failed: {done.stdout[-2000:]}{done.stderr[-500:]}"

    async def load(self, corpus: Corpus, rights: Rights, told: Told) -> None:
        """Transactions by four clients, the only way in; none is acknowledged twice."""
        fresh = await self._database.make(NAME, anew=not self._noted.facts.get("loading"))
        done = 0 if fresh else int(self._noted.facts.get("bundles", 0))
        self._noted.note(loading=True, bundles=done)
        self.start()
        try:
            await self._send(corpus, done, told)
        finally:
            self.stop()
        await self._database.analyse(NAME)

    async def _send(self, corpus: Corpus, done: int, told: Told) -> None:
        bundles = enumerate(corpus.bundles())
        directory, total = corpus.facts["directory"], len(corpus.facts["cuts"])
        acknowledged: set[int] = set()
        sent = done

        async def lane(rest: Iterator[tuple[int, bytes]]) -> None:
            nonlocal sent
            connection = Connection(self.port)
            for number, bundle in rest:
                if number < done:
                    continue
                answer = await connection.ask("POST", "/fhir", bundle)
                if answer.status != 200:
                    raise RuntimeError(f"hapi refused bundle {number}: {answer.body[:500]!r}")
                acknowledged.add(number)
                while sent in acknowledged:
                    acknowledged.discard(sent)
                    sent += 1
                if number % 20 == 0:
                    self._noted.note(bundles=sent)
                    told(f"hapi: loaded {number} of {total} transactions")
            connection.close()

        # What households name comes first.
        await lane(islice(bundles, directory))
        await asyncio.gather(*(lane(bundles) for _ in range(CLIENTS)))
        self._noted.note(bundles=sent)

    def start(self) -> None:
        """Starts on its database; making the tables the first time takes a minute or two."""
        address = "jdbc:postgresql://localhost/{}?socketFactory={}&socketFactoryArg={}".format(
            NAME,
            "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg",
            f"{self._database.sockets}/.s.PGSQL.5432",
        )
        port = free_port()
        facts = {"PORT": port, "DATABASE": address, "USER": "aubier", "POOL": self._pool}
        facts["PASSWORD"] = self._database.password
        command = ["java", f"-Xmx{self._heap}", "-jar", str(BUILT)]
        environ = {f"PEER_{k}": str(v) for k, v in facts.items()} | {"PATH": os.environ.get("PATH", "")}
        self._process = Process(
            command, port, "/fhir/metadata", environ, self._home / "hapi.log", within=600.0
        )
        self._process.start()

    def stop(self) -> None:
        """Stops the virtual machine."""
        if self._process:
            self._process.stop()

    async def token(self, mode: str) -> str:
        """Nobody is asked."""
        return ""
