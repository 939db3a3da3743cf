"""The rows of sharing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aubier.access.actor import Actor
from aubier.ground.rows import (
    BeforeWrite,
    Job,
    Migration,
    Operation,
    Policy,
    Resource,
    Service,
    Statement,
)
from aubier.referentials.sharing import actions, finding, guard, held, masks
from aubier.referentials.sharing.rules import BY_LAW, PARTIES_LABEL

_RULE = "Order of 26 Oct 2023, JORFTEXT000048368244"

_TABLES = """create table sharing_find (actor text collate "C" not null, at bigint not null);
create index sharing_find_actor on sharing_find (actor, at);"""

_FOUND = """create table sharing_found (
  actor text collate "C" not null, patient text collate "C" not null, at bigint not null,
  primary key (actor, patient));"""

_BY_LAW = ", ".join(f"'{basis}'" for basis in sorted(BY_LAW))
_HELD = (
    "from grants g join id_map m on m.pat = g.pat where m.id = $1 and m.type = $4"
    " and g.actor = any($2::text[]) and g.since <= $3 and g.till > $3 and g.scope = '{}'"
)
_DENIED = _HELD.replace("g.", "d.").replace(" g ", " d ")


def _professional(actor: Actor) -> bool:
    return actor.kind == "professional"


def _of_others(actor: Actor) -> frozenset[str]:
    return frozenset({PARTIES_LABEL})


_Run = Callable[[Any, Resource], Awaitable[Resource]]


def _operation(
    name: str, run: _Run, fr: str, en: str, *, on: str = "Patient", instance: bool = True
) -> Operation:
    return Operation(name, on, run, {"fr": fr, "en": en}, _RULE, instance=instance, affects_state=True)


SERVICE = Service(
    "sharing",
    {"fr": "Partage", "en": "Sharing"},
    {
        "fr": "Qui peut voir un dossier, pourquoi, jusqu'à quand, et comment le reprendre.",
        "en": "Who may see a record, why, until when, and how to take it back.",
    },
    reads=("Patient", "Practitioner"),
    writes=("Consent",),
    operations=(
        _operation("find", finding.find, "Trouver une personne", "Find a person", instance=False),
        _operation(
            "state-relationship",
            actions.state_relationship,
            "Déclarer une relation de soin",
            "State a relationship",
        ),
        _operation(
            "end-relationship",
            actions.end_relationship,
            "Terminer une relation de soin",
            "End a relationship",
        ),
        _operation("share", actions.share, "Partager mon dossier", "Share my record"),
        _operation("unshare", actions.unshare, "Ne plus partager", "Stop sharing"),
        _operation("block", actions.block, "Bloquer un professionnel", "Block a professional"),
        _operation("unblock", actions.unblock, "Débloquer un professionnel", "Unblock a professional"),
        _operation("mask", masks.mask, "Masquer un document", "Hide a document", on="DocumentReference"),
        Operation(
            "rights",
            "Patient",
            held.rights,
            {"fr": "Qui peut voir mon dossier", "en": "Who may see my record"},
            "GDPR art. 15; " + _RULE,
            instance=True,
            takes=(),
        ),
    ),
    policies=(
        Policy(
            "A professional reads the Consents that concern them, not those about others",
            _professional,
            _of_others,
            "GDPR art. 5(1)(c)",
        ),
    ),
    before_write=(BeforeWrite("sharing.rights", ("Consent",), guard.guard, "GDPR art. 7(1)", deletes=True),),
    jobs=(
        Job(
            "sharing.terms",
            60,
            guard.close_ended,
            {"fr": "Marquer terminés les droits échus", "en": "Mark as over the rights whose term has come"},
        ),
    ),
    migrations=(Migration(1, "finds", _TABLES), Migration(2, "found", _FOUND)),
    statements=(
        Statement(
            "sharing.blocked",
            f"select 1 as blocked {_HELD} and g.deny limit 1",
            "Whether one of these keys is blocked on a record",
        ),
        Statement(
            "sharing.represents",
            f"select g.basis {_HELD} and not g.deny and g.basis in ({_BY_LAW})"
            f" and not exists (select 1 {_DENIED} and d.deny) limit 1",
            "Whether one of these keys represents the holder for everything",
        ),
        Statement(
            "sharing.rights",
            "select g.actor, g.basis, g.since, g.till, g.deny from grants g join id_map m on m.pat = g.pat"
            " where m.id = $1 and m.type = $3 and g.till > $2 and g.basis not in ('self', 'author')"
            " order by g.since, g.actor",
            "Every right in force on a record, for its holder",
        ),
        Statement(
            "sharing.note_find",
            "with old as (delete from sharing_find where actor = $1 and at <= $3)"
            " insert into sharing_find (actor, at) select $1, $2 where"
            " (select count(*) from sharing_find where actor = $1 and at > $3) < $4 returning at",
            "Notes a search for a person by one actor, unless there were too many lately",
        ),
        Statement(
            "sharing.note_found",
            "insert into sharing_found (actor, patient, at) values ($1, $2, $3)"
            " on conflict (actor, patient) do update set at = excluded.at",
            "Notes whom an actor found",
        ),
        Statement(
            "sharing.found",
            "select 1 as known from sharing_found where actor = $1 and patient = $2 and at > $3"
            " union all select 1 from grants g join id_map m on m.pat = g.pat where m.type = $4 and m.id = $2"
            " and g.actor = $1 and not g.deny and g.basis <> 'author' limit 1",
            "Whether an actor found this person lately, or ever had a right to the record",
        ),
    ),
)
