"""Helios FHIR Server, built from the crates of its makers where cargo and its registry are reached."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from aubier.fhir.definitions import SearchParameter, definitions
from bench.dataset.corpus import Told
from bench.servers.peer import Peer
from bench.servers.server import Process, free_port

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "bench" / "peers" / "helios" / "recipe.json"
BUILT = ROOT / ".build" / "helios"
_PATIENCE = 600
"""Seconds that it may take for one request: its usual 30 would cut large transactions short."""


class Helios(Peer):
    """Helios with the pool of ours, no security, no audit and no validation, as it comes."""

    name = "helios"
    base = "/bench"

    def build(self, told: Told) -> str:
        """Installs the pinned version unless it is there."""
        program, recipe = BUILT / "bin" / "hfs", json.loads(RECIPE.read_text("utf-8"))
        note = BUILT / "built.json"
        if program.exists() and note.exists() and json.loads(note.read_text("utf-8")) == recipe:
            return ""
        if not shutil.which("cargo"):
            return "cargo is not installed"
        told(f"helios: building {recipe['crate']} {recipe['version']} (half an hour, and the downloads)")
        command = ["cargo", "install", recipe["crate"], "--version", f"={recipe['version']}", "--locked"]
        command += ["--no-default-features", "--features", ",".join(recipe["features"])]
        command += ["--root", str(BUILT), "--target-dir", str(BUILT / "target"), "--force"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"cargo failed: {done.stderr[-2500:]}"
        note.write_text(json.dumps(recipe), "utf-8")
        shutil.rmtree(BUILT / "target", ignore_errors=True)
        return ""

    def _made(self) -> Process:
        """The first step of a path names a tenant, which is the base here."""
        port, data = free_port(), self._home / "helios"
        _write_definitions(data)
        facts = {
            "STORAGE_BACKEND": "postgres",
            "PG_HOST": self._database.sockets,
            "PG_DBNAME": self.database,
            "PG_USER": "aubier",
            "PG_PASSWORD": self._database.password,
            "PG_MAX_CONNECTIONS": self._pool,
            "PG_STATEMENT_TIMEOUT_MS": _PATIENCE * 1000,
            "SERVER_PORT": port,
            "BASE_URL": f"http://127.0.0.1:{port}",
            "TENANT_ROUTING_MODE": "url_path",
            "DEFAULT_TENANT": self.base.strip("/"),
            "REQUEST_TIMEOUT": _PATIENCE,
            "DATA_DIR": data,
            "BULK_EXPORT_OUTPUT_DIR": data / "exports",
            "EXPORT_DIR": data / "exports",
            "LOG_LEVEL": "warn",
        }
        environ = {f"HFS_{k}": str(v) for k, v in facts.items()}
        command = [str(BUILT / "bin" / "hfs")]
        log = self._home / "helios.log"
        return Process(command, port, f"{self.base}/metadata", environ, log, within=600.0)


def _write_definitions(folder: Path) -> None:
    """The search parameters and compartments of R4, which the crates leave out, as it reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = definitions()
    sets = {
        "search-parameters": [_parameter(p) for p in found.search_parameters],
        "compartment-definitions": [_compartment(name) for name in found.compartments],
    }
    for name, resources in sets.items():
        bundle = {"resourceType": "Bundle", "type": "collection"}
        entries = {"entry": [{"fullUrl": r["url"], "resource": r} for r in resources]}
        (folder / f"{name}-r4.json").write_text(json.dumps(bundle | entries), "utf-8")


def _parameter(row: SearchParameter) -> dict[str, Any]:
    parts = [{"definition": url, "expression": expression} for url, expression in row.components]
    more = {
        "expression": row.expression,
        "target": list(row.targets),
        "component": parts,
        "comparator": list(row.comparators),
        "modifier": list(row.modifiers),
    }
    return {
        "resourceType": "SearchParameter",
        "id": row.url.rpartition("/")[2],
        "url": row.url,
        "name": row.name,
        "status": "active",
        "code": row.code,
        "base": list(row.bases),
        "type": row.type,
        "multipleOr": row.multiple_or,
        **{name: value for name, value in more.items() if value},
    }


def _compartment(name: str) -> dict[str, Any]:
    members = definitions().compartment(name)
    return {
        "resourceType": "CompartmentDefinition",
        "id": name.lower(),
        "url": f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}",
        "name": f"Base FHIR compartment definition for {name}",
        "status": "active",
        "code": name,
        "search": True,
        "resource": [{"code": kind, "param": list(codes)} for kind, codes in members.items()],
    }
