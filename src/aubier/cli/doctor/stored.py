"""The database: the programs that run it, and what it holds."""

from __future__ import annotations

from aubier.app import may_stand_still, migrations
from aubier.cli.doctor.finding import Finding, refused
from aubier.cli.doctor.port import is_ours
from aubier.cli.instance import database as at_hand
from aubier.cli.speech import carry_out, counted
from aubier.ground.clock import milliseconds, system_clock
from aubier.ground.problem import Problem
from aubier.settings import Settings
from aubier.store.embedded.engine import shipped
from aubier.store.embedded.server import find
from aubier.store.opening.reach import place
from aubier.store.opening.standing import Standing, standing
from aubier.store.opening.state import DatabaseState, state_of


def engine(settings: Settings) -> Finding:
    """The PostgreSQL that comes with Aubier, unless a server of one's own takes its place."""
    if settings.database_url:
        where = place(settings.database_url)
        return True, f"PostgreSQL à vous : {where}", f"PostgreSQL of your own: {where}"
    version = shipped().version
    return True, f"PostgreSQL {version} livré avec Aubier", f"PostgreSQL {version}, which comes with Aubier"


def database(settings: Settings) -> list[Finding]:
    """What the database holds, whether it is of this release, and each thing in it that stands still.

    A stopped one is started for the while.
    """
    if not settings.database_url and not (settings.data / "postgres").exists():
        order = f"aubier up --data {settings.data}"
        return [
            (True, f"Base : pas encore créée ; {order} la crée", f"Database: not made yet; {order} makes it")
        ]
    running = not settings.database_url and find(settings.data) is not None
    try:
        with at_hand(settings) as dsn:
            seen = carry_out(state_of(dsn, migrations()))
            still = [] if seen.behind else carry_out(standing(dsn, may_stand_still(), _now()))
    except Problem as refusal:
        return [refused(refusal, "Base : ", "Database: ")]
    if seen.behind:
        return [_behind(seen, running=running)]
    served = is_ours(settings, "live")
    return [_current(seen), *(_stands_still(one) for one in still if served or not one.row.served)]


def _now() -> int:
    return milliseconds(system_clock())


def _stands_still(one: Standing) -> Finding:
    fr, en = (f"{one.said(one.row.title, x)} ; {one.said(one.row.mend, x)}" for x in ("fr", "en"))
    return False, fr, en.replace(" ; ", "; ", 1)


def _current(seen: DatabaseState) -> Finding:
    count = counted(seen.resources, "ressource(s)", "resource(s)")
    fr, en = f"Base : {count}", f"Database: {count}"
    if seen.walks:
        counts = ", ".join(f"{w.name} {w.done}/{max(w.total, w.done)}" for w in seen.walks)
        fr, en = f"{fr} ; à indexer : {counts}", f"{en}; being indexed: {counts}"
    if seen.unserved:
        names = ", ".join(f"SearchParameter/{name}" for name in seen.unserved[:5])
        fr, en = (
            f"{fr} ; non servis : {names} ($status dit pourquoi)",
            f"{en}; unserved: {names} ($status says why)",
        )
    return True, fr, en


def _behind(seen: DatabaseState, *, running: bool) -> Finding:
    """An older one is brought to this release by the next start: to be mended only while it runs."""
    steps, count = ", ".join(seen.behind), counted(seen.resources, "ressource(s)", "resource(s)")
    return (
        not running,
        f"Base : {count}, au schéma d'une version plus ancienne ;"
        f" le prochain démarrage prend les étapes {steps}"
        + (" : arrêtez l'instance qui tourne et relancez-la" if running else ""),
        f"Database: {count}, in the schema of an older release;"
        f" the next start takes the steps {steps}"
        + (": stop the instance that runs and start it again" if running else ""),
    )
