"""A request at a door: which of the row's ways or interactions it is, and its answer.

Everything goes through the actor's view by the same interactions as `/fhir`; the links of a Bundle stay
below the door.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import msgspec
from msgspec import structs

from aubier.access.actor import Context
from aubier.access.decide import unidentified
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Door, Offer, Request, Resource, Response, Way
from aubier.rest.capability.telling import metadata
from aubier.rest.doors.asking import search_at
from aubier.rest.doors.calls import count_call
from aubier.rest.exchange import Answer, Call, Limits, of_version, rendered, unchanged
from aubier.rest.formats.negotiation import wanted_format
from aubier.rest.interactions import Interactions, check_form
from aubier.rest.operations.standard import check_parameters, only
from aubier.rest.searching.searchset import searchset
from aubier.rest.writing.preconditions import refuse_conditions
from aubier.rest.writing.provenance import refuse_provenance
from aubier.store.reading import Found, Row

_AT_ONCE = 200
"""Resources reduced before others get their turn."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A door that answers. `interactions` are those of `/fhir`, under the door's own page bounds."""

    door: Door
    interactions: Interactions

    def holds(self, path: str) -> bool:
        """Whether a path is this door's."""
        return path == self.door.base or path.startswith(self.door.base + "/")

    def open_to_all(self, path: str) -> bool:
        """Whether nobody may ask it: the capability statement."""
        return path.removeprefix(self.door.base).strip("/") == "metadata"

    async def answer(self, context: Context, request: Request) -> Answer:
        """The answer to a request below the door's base, to be sent as it is.

        Problem: login without a valid token or key, throttled, not-found for a path that is none, method
        (405, with Allow) for what the row does not name, and those of each interaction.
        """
        call = self._call(request)
        if call.path == ("metadata",):
            return await self._metadata(call)
        if context.actor.kind == "anonymous":
            raise unidentified()
        await count_call(context, self.door)
        way, groups = self._way(call)
        if way is not None:
            if way.method != "GET":
                refuse_provenance(call)
                refuse_conditions({k: v for k, v in call.headers.items() if k not in way.holds})
            return _sent(await way.run(context, request, *groups))
        offer, interaction = self._interaction(call)
        self._check_format(call)
        if interaction == "search-type":
            check_form(call)
            answer = await self._search(call, offer, context, (*request.query, *request.form))
        elif interaction == "read":
            answer = await self._read(call, offer, context)
        else:
            answer = await self.interactions.answer(call, context.store, context.settings)
        return await rendered(answer, call)

    def _call(self, request: Request) -> Call:
        path = request.path.removeprefix(self.door.base)
        return Call(
            request.method,
            tuple(part for part in path.split("/") if part),
            urlencode(request.query),
            request.headers,
            request.body,
            request.base_url + self.door.base,
        )

    async def _metadata(self, call: Call) -> Answer:
        if call.method not in ("GET", "HEAD"):
            raise only(call.method, "GET", "HEAD")
        self._check_format(call)
        return await rendered(metadata(call, self.interactions.capability(call.base), {}, ("full",)), call)

    def _check_format(self, call: Call) -> None:
        if wanted_format(call.headers, call.query) not in self.door.formats:
            taken = ", ".join(self.door.formats)
            raise problem(
                "not-acceptable",
                f"This door answers in {taken}",
                f"Cette porte répond en {taken}",
                at="http.Accept",
                rule=self.door.rule,
            )

    # -- which one ----------------------------------------------------------------------------------

    def _way(self, call: Call) -> tuple[Way | None, Sequence[str]]:
        """The room's own way for this request, and what its path says."""
        path = "/" + "/".join(call.path)
        for way in self.door.ways:
            found = way.path.fullmatch(path)
            if found and way.method == _plain(call.method):
                return way, found.groups()
        return None, ()

    def _interaction(self, call: Call) -> tuple[Offer, str]:
        """The offer and the interaction that a request is. Problem: not-found, method."""
        offer = self.door.offer(call.path[0]) if call.path else None
        shapes = _shapes(call.path) if offer else {}
        allowed = {m: i for m, i in shapes.items() if offer and i in offer.interactions}
        if offer and _plain(call.method) in allowed:
            return offer, allowed[_plain(call.method)]
        path = "/" + "/".join(call.path)
        methods = [*allowed, *(w.method for w in self.door.ways if w.path.fullmatch(path))]
        if not methods:
            raise not_found(path[:100])
        refused = only(call.method, *sorted(set(methods)))
        raise Problem(tuple(replace(i, rule=self.door.rule) for i in refused.issues), refused.headers)

    # -- reading ------------------------------------------------------------------------------------

    async def _search(
        self, call: Call, offer: Offer, context: Context, pairs: Sequence[tuple[str, str]]
    ) -> Answer:
        asked = search_at(self.door, offer, pairs, now=context.now, lenient=call.lenient)
        query = self.interactions.query(offer.type, [*asked.pairs, *offer.fixed], lenient=False)
        # Told beside the first page alone: who walks through everything does not have it counted each time.
        if not query.cursor and not any(name == "_total" for name, _ in asked.pairs):
            query = structs.replace(query, total=self.door.total)
        found = await context.store.search_rows(query)
        # What every search here fulfils is no parameter that a link could name.
        applied = tuple(p for p in query.applied if p not in offer.fixed)
        told = structs.replace(query, applied=applied, ignored=(*query.ignored, *asked.left))
        return Answer(200, searchset(call.base, told, await self._told(found, context)))

    async def _read(self, call: Call, offer: Offer, context: Context) -> Answer:
        check_parameters(call.query)
        kind, logical = call.path
        if not _logical(logical):
            raise not_found(f"{kind}/{logical}"[:100])
        if offer.fixed and not await self._belong(offer, [logical], context):
            raise not_found(f"{kind}/{logical}"[:100])
        row = await context.store.read_row(kind, logical)
        if unchanged(call, row):
            return Answer(304, b"", of_version(row))
        return Answer(200, _reduced(row, offer.shown).raw, of_version(row))

    async def _belong(self, offer: Offer, ids: Sequence[str], context: Context) -> set[str]:
        """Those of these ids that fulfil what every resource of the type fulfils here."""
        found: set[str] = set()
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            pairs = [("_id", ",".join(part)), *offer.fixed]
            asked = self.interactions.query(offer.type, pairs, lenient=False)
            query = structs.replace(asked, count=len(part))
            found.update(row.id for row in (await context.store.search_rows(query)).rows)
        return found

    async def _told(self, found: Found, context: Context) -> Found:
        """The page with what this door tells of each resource; what it has no offer for is not in it."""
        included = [row for row in found.included if self.door.offer(row.type)]
        for offer in self.door.offers:
            ids = [row.id for row in included if row.type == offer.type] if offer.fixed else []
            if ids:
                kept = await self._belong(offer, ids, context)
                included = [row for row in included if row.type != offer.type or row.id in kept]
        return replace(found, rows=await self._shown(found.rows), included=await self._shown(included))

    async def _shown(self, rows: Sequence[Row]) -> list[Row]:
        """These rows reduced; others get their turn between parts of a large page."""
        offers = {offer.type: offer for offer in self.door.offers}
        shown: list[Row] = []
        for row in rows:
            shown.append(_reduced(row, offers[row.type].shown))
            if len(shown) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return shown


_logical = re.compile(r"[A-Za-z0-9.-]{1,64}").fullmatch


def _reduced(row: Row, shown: Callable[[Resource], Resource] | None) -> Row:
    return (
        msgspec.structs.replace(row, raw=fhir_json.dumps(shown(fhir_json.parse(row.raw)))) if shown else row
    )


def _plain(method: str) -> str:
    return "GET" if method == "HEAD" else method


def _shapes(path: tuple[str, ...]) -> dict[str, str]:
    """The interactions of a path by method. Rule: FHIR R4, http.html#summary."""
    match path[1:]:
        case ():
            return {"GET": "search-type", "POST": "create"}
        case ("_search",):
            return {"POST": "search-type"}
        case ("_history",):
            return {"GET": "history-type"}
        case (_,):
            return {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        case (_, "_history"):
            return {"GET": "history-instance"}
        case (_, "_history", _):
            return {"GET": "vread"}
    return {}


def _sent(response: Response) -> Answer:
    body = response.body.encode() if isinstance(response.body, str) else response.body
    return Answer(response.status, body, dict(response.headers), response.media_type)


def opening(door: Door, interactions: Interactions, capability: Callable[[str], bytes]) -> Opening:
    """The door over the interactions of `/fhir`. Problem when the row contradicts itself.

    A type of which the door tells less than is stored has no interaction that would tell the rest.
    """
    narrow = (o for o in door.offers if o.shown or o.fixed)
    leaking = [o.type for o in narrow if {*o.interactions} - {"read", "search-type"}]
    if leaking or not all(o.type and o.interactions for o in door.offers):
        raise problem(
            "invariant",
            f"{door.name}: {', '.join(leaking)} is told in part, so it is read and searched only",
            f"{door.name} : {', '.join(leaking)} n'est montré qu'en partie, donc seulement lu et cherché",
        )
    limits = Limits(door.page, door.largest, interactions.limits.bundle)
    return Opening(door, replace(interactions, capability=capability, operations={}, limits=limits))
