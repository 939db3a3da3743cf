"""Loads the territory into a store: resources by bulk, identities, rights and accounts beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from aubier.access.actor import Context, system_actor
from aubier.access.labels import VISIBILITY
from aubier.access.view import Access
from aubier.ground.clock import milliseconds
from aubier.ground.rows import Resource
from aubier.referentials.identity import actions as identity
from aubier.referentials.sharing import rules as sharing
from aubier.referentials.signon import api as signon
from aubier.sandbox.batch import (
    Account,
    Batch,
    Delegation,
    Look,
    Mask,
    Relationship,
    gather,
)
from aubier.store.bulk import BulkReport, load
from aubier.store.bulk.past import PastLine, write_past
from aubier.store.intent import Grant

_CHUNK = 3000
_MASKS = {"ps": "MASQUE_PS", "patient": "INVISIBLE_PATIENT", "rep": "INVISIBLE_REP_LEGAUX"}


@dataclass(slots=True)
class Loaded:
    """What was loaded so far."""

    resources: int = 0
    identities: int = 0
    accounts: int = 0
    rights: int = 0
    report: BulkReport = field(default_factory=BulkReport)


async def load_territory(
    access: Access, batches: Iterable[Batch], now: datetime, told: Callable[[Loaded], None]
) -> Loaded:
    """Writes every batch; `told` hears of each chunk. Started again, it ends the same.

    The generator's resources are ours and tested: the base check is left out, every content rule runs.
    """
    trusted = replace(access, check=lambda resource: None)
    context = trusted.context(system_actor("sandbox"), now)
    done = Loaded()
    for batch in gather(batches, _CHUNK):
        await _load(trusted, context, batch, done)
        told(done)
    return done


async def _load(access: Access, context: Context, batch: Batch, done: Loaded) -> None:
    masked = {m.reference: m for m in batch.rights if isinstance(m, Mask)}
    resources = [_masked(r, masked) for r in batch.resources]
    grants = [g for right in batch.rights for g in _grants(right)]
    view = context.store
    report = await load(
        access.store, view.sight, resources, view.prepare, grants, prepare_many=view.prepare_many
    )
    done.report.add(report)
    done.resources += len(resources)
    done.rights += len(grants)
    done.identities += await identity.register(context, [i.person for i in batch.identities])
    await write_past(access.store, [_line(look) for look in batch.looks])
    for account in batch.accounts:
        await signon.add_account(context, _account(account))
        done.accounts += 1


def _masked(resource: Resource, masked: dict[str, Mask]) -> Resource:
    mask = masked.get(f"{resource['resourceType']}/{resource.get('id')}")
    if mask is None:
        return resource
    coding = {"system": VISIBILITY, "code": _MASKS[mask.hidden_from]}
    if resource["resourceType"] == "DocumentReference":
        labels = [*resource.get("securityLabel", []), {"coding": [coding]}]
        return {**resource, "securityLabel": labels}
    meta = dict(resource.get("meta", {}))
    return {**resource, "meta": {**meta, "security": [*meta.get("security", []), coding]}}


def _grants(right: Relationship | Mask | Delegation) -> Iterator[Grant]:
    if isinstance(right, Relationship):
        yield _dated(
            sharing.carer(right.patient, right.actor, right.basis, right.scope), right.start, right.end
        )
    elif isinstance(right, Delegation):
        for given in sharing.delegation(
            right.patient, right.delegate, right.basis, right.scope, right.withheld
        ):
            yield _dated(given, right.start, right.end)


def _dated(grant: Grant, start: date | None, end: date | None) -> Grant:
    """The grant from the beginning of `start` to the end of `end`, in UTC days."""
    since = _day(start) if start else 1
    return replace(grant, since=max(since, 1), till=_day(end + timedelta(days=1)) if end else grant.till)


def _day(day: date) -> int:
    return milliseconds(datetime.combine(day, time(), UTC))


def _line(look: Look) -> PastLine:
    at = milliseconds(look.when)
    return PastLine(
        look.patient, at, look.actor, look.name, look.organization, look.basis, look.what, look.hits
    )


def _account(known: Account) -> signon.Account:
    return signon.Account(
        login=known.login,
        kind=known.kind,
        name=known.display,
        given=known.given,
        family=known.family,
        reference=known.reference,
        national_id=known.idnps,
        profession=known.profession,
        organization=known.organization,
        organization_name=known.organization_name,
        story=known.story,
        about_fr=known.description["fr"],
        about_en=known.description["en"],
    )
