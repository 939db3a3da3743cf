"""HAPI FHIR JPA, built by `bench/peers/hapi` where Maven and its registry are reached."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.dataset.corpus import Told
from bench.servers.peer import Peer
from bench.servers.server import Process, free_port

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "bench" / "peers" / "hapi"
BUILT = ROOT / ".build" / "hapi" / "hapi-peer.jar"
_HEAP = "4g"


class Hapi(Peer):
    """HAPI with a heap of 4 GiB, the pool of ours, no security and no validation: its fastest."""

    name = "hapi"

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

    def _made(self) -> Process:
        """The virtual machine; making the tables the first time takes a minute or two."""
        address = "jdbc:postgresql://localhost/{}?socketFactory={}&socketFactoryArg={}".format(
            self.database,
            "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg",
            f"{self._database.sockets}/.s.PGSQL.5432",
        )
        port = free_port()
        facts = {"PORT": port, "DATABASE": address, "USER": "aubier", "POOL": self._pool}
        facts["PASSWORD"] = self._database.password
        command = ["java", f"-Xmx{_HEAP}", "-jar", str(BUILT)]
        environ = {f"PEER_{k}": str(v) for k, v in facts.items()} | {"PATH": os.environ.get("PATH", "")}
        return Process(command, port, f"{self.base}/metadata", environ, self._home / "hapi.log", within=600.0)
