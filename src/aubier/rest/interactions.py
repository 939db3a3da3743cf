"""The FHIR RESTful interactions. Rule: HL7 FHIR R4 (4.0.1), RESTful API (http.html)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote, urlencode

from msgspec import structs

from aubier.access.actor import Context
from aubier.access.decide import unidentified
from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.fhir.patch import Change
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Operation, Resource
from aubier.rest.asynchronous.answers import answer_job
from aubier.rest.asynchronous.asking import PLACE
from aubier.rest.capability.telling import metadata
from aubier.rest.exchange import (
    Answer,
    Call,
    Limits,
    decoded,
    decoded_bytes,
    of_version,
    unchanged,
)
from aubier.rest.formats.negotiation import FORM
from aubier.rest.formats.parts import refuse_override
from aubier.rest.operations.rows import OPERATIONS
from aubier.rest.operations.sent import sent_to
from aubier.rest.operations.standard import check_once, check_parameters, no_type, only, refuse_pages
from aubier.rest.outcome import said
from aubier.rest.reading.contents import asks_content, brings_content, content_of, sent_content
from aubier.rest.reading.spans import span
from aubier.rest.reading.subsets import SUBSETS, refuse_subset, shaped, subset_of
from aubier.rest.searching.searchset import history, searchset
from aubier.rest.searching.several import Parse, search_base, search_compartment
from aubier.rest.writing.patches import sent_patch
from aubier.rest.writing.preconditions import criteria_of, refuse_conditions, under
from aubier.rest.writing.provenance import refuse_provenance, with_provenance
from aubier.search.model import Query
from aubier.search.parameters import Registry, registry
from aubier.search.query import parse
from aubier.store.aside import by_size
from aubier.store.intent import Intent, Written
from aubier.store.keys import type_numbers
from aubier.store.proof.standing import Unproven
from aubier.store.reading import Row

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_Handler = Callable[["Interactions", Call, View], Awaitable[Answer]]
_ORDERS = ("_lastUpdated", "-_lastUpdated", "none")
"""How a history can be sorted. Rule: FHIR R5, http.html#history; R4 leaves it open."""
_UNLEARNT = ("not-supported", "transient")
"""How a search is refused by who has not heard yet of a parameter that is there, or is ready."""


@dataclass(slots=True)
class Interactions:
    """One FHIR base. `capability(base)` is its statement; `operations` are keyed by (type or '', name).

    `known()` gives what can be searched.
    """

    capability: Callable[[str], bytes]
    operations: Mapping[tuple[str, str], Operation] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    known: Callable[[], Registry] = registry

    @property
    def registry(self) -> Registry:
        """What can be searched now: parameters come and go while this answers."""
        return self.known()

    async def answer(self, call: Call, view: View, settings: Any = None) -> Answer:
        """The answer to one request. Problem for every refusal."""
        refuse_override(call.headers)
        if call.strict:
            view = replace(view, strict=True)
        try:
            return await self._answer(call, view, settings)
        except Problem as refusal:
            if refusal.kind not in _UNLEARNT or not _asks(call) or not await view.access.store.learn():
                raise
        return await self._answer(call, view, settings)

    async def _answer(self, call: Call, view: View, settings: Any) -> Answer:
        path = call.path
        if path == ("metadata",):
            return self._metadata(call)
        if path in ((), ("_search",)):
            return await self._search_base(call, view)
        if path[-1].startswith("$"):
            return await self._operation(call, view, settings)
        if path[0] == PLACE:
            return await answer_job(call, view)
        if path == ("_history",):
            return await self._history(call, view, [], "")
        self.check_type(path[0])
        handler = self._route(call)
        return await handler(call, view)

    # -- routing ------------------------------------------------------------------------------------

    @staticmethod
    def check_type(kind: str) -> None:
        """Problem (not-found) for a name that is no resource type."""
        if kind not in type_numbers():
            raise no_type(kind, "not-found", "http.path")

    def _route(self, call: Call) -> Callable[[Call, View], Awaitable[Answer]]:
        methods = _SHAPES[self._shape(call.path)]
        if call.method not in methods:
            raise only(call.method, *methods)
        return partial(methods[call.method], self)

    @staticmethod
    def _shape(path: tuple[str, ...]) -> str:
        match path:
            case (_,):
                return "type"
            case (_, "_search"):
                return "search"
            case (_, "_history"):
                return "type-history"
            case (kind, logical):
                _check_id(kind, logical)
                return "instance"
            case (kind, logical, inside) if inside == "*" or inside in type_numbers():
                _check_id(kind, logical)
                return "compartment"
            case (kind, logical, inside, "_search") if inside == "*" or inside in type_numbers():
                _check_id(kind, logical)
                return "compartment-search"
            case (kind, logical, "_history"):
                _check_id(kind, logical)
                return "instance-history"
            case (kind, logical, "_history", version) if _NUMBER.fullmatch(version):
                _check_id(kind, logical)
                return "version"
        raise problem(
            "not-found",
            f"There is nothing at /{'/'.join(path)[:200]}",
            f"Il n'y a rien à /{'/'.join(path)[:200]}",
            at="http.path",
        )

    # -- reading ------------------------------------------------------------------------------------

    def _metadata(self, call: Call) -> Answer:
        if call.method not in ("GET", "HEAD"):
            raise only(call.method, "GET", "HEAD")
        return metadata(call, self.capability(call.base), self.operations)

    async def _read(self, call: Call, view: View) -> Answer:
        check_parameters(call.query, *SUBSETS)
        row = await view.read_row(call.path[0], call.path[1])
        if unchanged(call, row):
            return Answer(304, b"", of_version(row))
        if asks_content(call):
            return content_of(row, call)
        return Answer(200, await _subset(row, call), of_version(row))

    async def _vread(self, call: Call, view: View) -> Answer:
        check_parameters(call.query, *SUBSETS)
        row = await view.vread_row(call.path[0], call.path[1], int(call.path[3]))
        if unchanged(call, row):
            return Answer(304, b"", of_version(row))
        if asks_content(call):
            return content_of(row, call)
        return Answer(200, await _subset(row, call), of_version(row))

    async def _search(self, call: Call, view: View) -> Answer:
        query = self._parser(call)(call.path[0], self._search_pairs(call), call.lenient)
        found = await view.search_rows(query)
        size = sum(len(row.raw) for row in found.rows) if query.summary or query.elements else 0
        return Answer(200, await by_size(size, searchset, call.base, query, found))

    async def _search_base(self, call: Call, view: View) -> Answer:
        posted = call.path == ("_search",)
        if call.method not in ("GET", "HEAD", *(("POST",) if posted else ())):
            raise only(call.method, "GET", "HEAD", "POST")
        return await search_base(call, view, self._parser(call), self._search_pairs(call))

    async def _search_compartment(self, call: Call, view: View) -> Answer:
        return await search_compartment(call, view, self._parser(call), self._search_pairs(call))

    def _search_pairs(self, call: Call) -> list[tuple[str, str]]:
        pairs = call.pairs()
        if call.method == "POST":
            check_form(call)
            pairs += decoded_bytes(call.body, "http.body")
        return pairs

    def _parser(self, call: Call) -> Parse:
        """What reads a search: parameters without a value say nothing, unless the client is strict."""
        return partial(self.query, blank=not call.strict)

    def query(
        self, kind: str, pairs: Sequence[tuple[str, str]], lenient: bool, *, blank: bool = False
    ) -> Query:
        """The parsed query under this server's page bounds; `blank` as `parse` has it."""
        query = parse(
            kind,
            list(pairs),
            registry=self.registry,
            lenient=lenient,
            blank=blank,
            max_count=self.limits.largest,
            default_count=self.limits.page,
        )
        _refuse_narrative_with_others(query)
        return query

    async def _type_history(self, call: Call, view: View) -> Answer:
        return await self._history(call, view, [call.path[0]], "")

    async def _instance_history(self, call: Call, view: View) -> Answer:
        return await self._history(call, view, [call.path[0]], call.path[1])

    async def _history(self, call: Call, view: View, kinds: list[str], logical: str) -> Answer:
        if call.method not in ("GET", "HEAD"):
            raise only(call.method, "GET", "HEAD")
        options = _history_options(call, self.limits)
        subset, count_only = _history_subset(call, kinds)
        if count_only:
            options |= {"count": 0, "cursor": None}
        try:
            rows, following, total = await view.history_rows(kinds, logical, **options)
        except Problem as refusal:
            if refusal.kind != "not-found" or options.keys() == {"count"}:
                raise
            # Nothing in this span: told as an empty history when there is one at all.
            await view.history_rows(kinds, logical, count=1)
            rows, following, total = [], None, 0
        here = "/".join([call.base, *call.path])
        links = [("self", here + (f"?{call.query}" if call.query else ""))]
        if following:
            kept = [(k, v) for k, v in call.pairs() if k != "_page"]
            mark = ".".join(map(str, following))
            links.append(("next", f"{here}?{urlencode([*kept, ('_page', mark)])}"))
        size = sum(len(row.raw) for row in rows) if subset else 0
        return Answer(200, await by_size(size, history, call.base, links, total, rows, subset))

    # -- writing ------------------------------------------------------------------------------------

    async def _create(self, call: Call, view: View) -> Answer:
        check_parameters(call.query)
        resource = sent_content(call) if brings_content(call) else call.resource()
        intent = self.create_intent(call.path[0], resource, call.headers, call.base)
        return told(call, (await view.write(with_provenance(call, intent)))[0])

    def create_intent(self, kind: str, resource: Resource, headers: Mapping[str, str], base: str) -> Intent:
        """A create, conditional when If-None-Exist was sent: it must hold criteria then."""
        _check_kind(kind, resource)
        resource = {k: v for k, v in _unstamped(resource).items() if k != "id"}
        condition = None
        if (asked := headers.get("if-none-exist")) is not None:
            condition = self.condition(kind, criteria_of(asked, kind, base), "If-None-Exist")
        return under(Intent("create", kind, resource=resource, condition=condition), headers)

    def condition(self, kind: str, text: str, place: str) -> Query:
        """The criteria of a conditional interaction. Problem when there is none."""
        query = self.query(kind, decoded(text.strip()), lenient=False)
        if not query.criteria:
            by_id = place == "query"
            raise problem(
                "precondition",
                "The condition has no search criterion; add one"
                + (f", or write the id in the address ({kind}/id)" if by_id else ""),
                "La condition n'a aucun critère de recherche ; ajoutez-en un"
                + (f", ou écrivez l'id dans l'adresse ({kind}/id)" if by_id else ""),
                at=f"http.{place}",
            )
        refuse_pages((name for name, _ in query.applied), place)
        return structs.replace(query, sort=(), includes=(), count=2, total="none", summary="")

    async def _update(self, call: Call, view: View) -> Answer:
        resource = sent_content(call) if brings_content(call) else call.resource()
        intent = self.update_intent(call.path, call.query, resource, call.headers)
        return told(call, (await view.write(with_provenance(call, intent)))[0])

    def update_intent(
        self, path: tuple[str, ...], query: str, resource: Resource, headers: Mapping[str, str]
    ) -> Intent:
        """An update by id, or by criteria when the path names only a type."""
        kind = path[0]
        _check_kind(kind, resource)
        refuse_subset(resource)
        resource = _unstamped(resource)
        if len(path) == 2:
            _check_same_id(path[1], resource)
            check_parameters(query)
            return under(Intent("update", kind, path[1], resource=resource), headers)
        condition = self.condition(kind, query, "query")
        logical = resource.get("id", "")
        return under(Intent("update", kind, logical, resource=resource, condition=condition), headers)

    async def _patch(self, call: Call, view: View) -> Answer:
        change = await by_size(len(call.body), sent_patch, call)
        intent = self.patch_intent(call.path, call.query, change, call.headers)
        return told(call, (await view.write(with_provenance(call, intent)))[0])

    def patch_intent(
        self, path: tuple[str, ...], query: str, change: Change, headers: Mapping[str, str]
    ) -> Intent:
        """A patch by id, or by criteria when the path names only a type."""
        if len(path) == 2:
            check_parameters(query)
            return under(Intent("patch", path[0], path[1], change=change), headers)
        condition = self.condition(path[0], query, "query")
        return under(Intent("patch", path[0], condition=condition, change=change), headers)

    async def _delete(self, call: Call, view: View) -> Answer:
        refuse_provenance(call)
        written = (await view.write([self.delete_intent(call.path, call.query, call.headers)]))[0]
        headers = {"ETag": f'W/"{written.version}"'} if written.version else {}
        if call.prefer.get("return") != "OperationOutcome":
            return Answer(204, b"", headers)
        return Answer(200, fhir_json.dumps(stored(written)), headers)

    def delete_intent(self, path: tuple[str, ...], query: str, headers: Mapping[str, str]) -> Intent:
        """A delete by id, or by criteria when the path names only a type."""
        if len(path) == 2:
            check_parameters(query)
            _check_id(*path)
            return under(Intent("delete", path[0], path[1]), headers)
        condition = self.condition(path[0], query, "query")
        return under(Intent("delete", path[0], condition=condition), headers)

    # -- operations ---------------------------------------------------------------------------------

    async def _operation(self, call: Call, view: View, settings: Any) -> Answer:
        name = call.path[-1].removeprefix("$")
        kind = call.path[0] if len(call.path) > 1 else ""
        if kind:
            self.check_type(kind)
        if view.actor.kind == "anonymous":
            raise unidentified()
        refuse_provenance(call)
        if len(call.path) > 3:
            raise not_found("/".join(call.path)[:200])
        instance = len(call.path) == 3
        own = next((o for o in OPERATIONS if o.answers(kind, name, instance=instance)), None)
        if own is not None:
            if instance:
                _check_id(kind, call.path[1])
            return await own.run(call, view, self.limits)
        operation = self.operations.get((kind, name))
        if operation is None or not (operation.either or operation.instance == instance):
            raise _no_operation(kind, name, instance=instance)
        # What stands beside an id or a language in JSON is not what is told by these names.
        sent = sent_to(call, operation)
        if operation.affects_state:
            refuse_conditions(call.headers)
        parameters = {k: v for k, v in sent.items() if k not in ("_id", "_language")}
        if instance:
            _check_id(kind, call.path[1])
            parameters = {**parameters, "_id": call.path[1]}
        if spoken := call.headers.get("accept-language", ""):
            parameters = {**parameters, "_language": spoken}
        context = Context(view.actor, view, view.now, settings, call.language)
        if view.sight.stands is not None:
            return await _recalled(operation, context, parameters)
        try:
            return Answer(200, fhir_json.dumps(await operation.run(context, parameters)))
        except Problem as refusal:
            if refusal.kind in ("not-found", "forbidden"):
                await view.note(f"${name}", "/".join(call.path[:-1]) or "*", refusal.kind)
            raise

    def only_reads(self, path: tuple[str, ...]) -> bool:
        """Whether an operation is there, changes nothing, and is not asynchronous by itself."""
        name, kind = path[-1].removeprefix("$"), path[0] if len(path) > 1 else ""
        if len(path) > 3:
            return False
        own = next((o for o in OPERATIONS if o.answers(kind, name, instance=len(path) == 3)), None)
        if own is not None:
            return own.reads
        operation = self.operations.get((kind, name))
        return operation is not None and not operation.affects_state

    def recalls(self, kind: str, name: str) -> bool:
        """Whether an operation on a type (`$name`) may be answered from what is remembered."""
        operation = self.operations.get((kind, name.removeprefix("$")))
        return operation is not None and operation.recall is not None


async def _recalled(operation: Operation, context: Context, parameters: Resource) -> Answer:
    """The remembered answer to who was recognised a moment ago. Unproven when anything below has moved."""
    found = await operation.recall(context, parameters) if operation.recall else None
    if found is None or not await context.store.unmoved(found[1]):
        raise Unproven
    return Answer(200, found[0])


def check_form(call: Call) -> None:
    """Problem (media-type) when what a search posts is no form: left out, everybody would be found."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.body and kind != FORM:
        refusal = problem(
            "media-type", f"_search takes {FORM}", f"_search attend {FORM}", at="http.Content-Type"
        )
        refusal.headers["Accept-Post"] = FORM
        raise refusal


def _asks(call: Call) -> bool:
    """Whether a call only asks, so that it may be answered twice."""
    return call.method in ("GET", "HEAD") or call.path[-1:] == ("_search",)


def told(call: Call, written: Written) -> Answer:
    """The answer to a write, as Prefer asks: the resource, nothing, or an OperationOutcome."""
    created = written.status == "created"
    row = Row(written.type, written.id, written.version, written.updated, written.raw)
    headers = of_version(row)
    if created or call.method == "POST":
        headers["Location"] = f"{call.base}/{written.type}/{written.id}/_history/{written.version}"
    if call.strict:
        headers["Preference-Applied"] = "handling=strict"
    body = written.raw
    match call.prefer.get("return"):
        case "minimal":
            body = b""
        case "OperationOutcome":
            body = fhir_json.dumps(stored(written))
    return Answer(201 if created else 200, body, headers)


def stored(written: Written) -> Resource:
    """An OperationOutcome of what came of a write."""
    name = f"{written.type}/{written.id}" if written.id else written.type
    if written.status in ("deleted", "nothing"):
        text, fr = ("Deleted", "Supprimé") if written.status == "deleted" else _NOTHING_DELETED
        return said(f"{text}: {name}", f"{fr} : {name}")
    return said(f"{name} is stored", f"{name} est enregistré")


def _no_operation(kind: str, name: str, *, instance: bool) -> Problem:
    """The refusal of an operation that is not here, or that is asked of one thing and is of many."""
    if any(o.answers(kind, name, instance=not instance) for o in OPERATIONS):
        here = f"{kind}/${name[:64]}" if instance else f"{kind}/[id]/${name[:64]}"
        return problem("invalid", f"Ask it as {here}", f"Demandez-la ainsi : {here}", at="http.path")
    return not_found(f"${name[:64]}")


_NOTHING_DELETED = "There was nothing to delete", "Il n'y avait rien à supprimer"


async def _subset(row: Row, call: Call) -> bytes:
    """The stored bytes, or the part of them that the query asks for."""
    subset = subset_of(row.type, call.pairs()) if call.query else None
    return await by_size(len(row.raw), shaped, row.raw, subset) if subset else row.raw


def _check_id(kind: str, logical: str) -> None:
    if not _ID.fullmatch(logical):
        raise problem(
            "value",
            "An id has 1 to 64 letters, digits, hyphens and points",
            "Un id a de 1 à 64 lettres, chiffres, tirets et points",
            at="http.path",
        )


def _check_kind(kind: str, resource: Resource) -> None:
    found = resource.get("resourceType")
    if found is None:
        raise problem(
            "required",
            f'Say what the body is: "resourceType":"{kind}"',
            f'Dites ce qu\'est le corps : "resourceType":"{kind}"',
            at="http.body",
        )
    if found != kind:
        raise problem(
            "value",
            f"The body is a {str(found)[:64]}, the address says {kind}",
            f"Le corps est un {str(found)[:64]}, l'adresse dit {kind}",
            at=f"{str(found)[:64]}.resourceType",
        )


def _unstamped(resource: Resource) -> Resource:
    """The resource without version and date: those are the server's. Rule: FHIR R4, http.html#update."""
    meta = resource.get("meta")
    if not isinstance(meta, dict):
        return resource
    kept = {k: v for k, v in meta.items() if k not in ("versionId", "lastUpdated") or not isinstance(v, str)}
    rest = {k: v for k, v in resource.items() if k != "meta"}
    return {**rest, "meta": kept} if kept or not meta else rest


def _check_same_id(logical: str, resource: Resource) -> None:
    if resource.get("id") != logical:
        raise problem(
            "value",
            f"The body must carry the id of the address, {logical}",
            f"Le corps doit porter l'id de l'adresse, {logical}",
            at=f"{resource.get('resourceType')}.id",
        )


def _history_options(call: Call, limits: Limits) -> dict[str, Any]:
    options: dict[str, Any] = {"count": limits.page}
    check_once(call.query)
    for name, value in call.pairs():
        match name:
            case "_count" if re.fullmatch(r"[0-9]{1,6}", value):
                options["count"] = min(int(value), limits.largest)
            case "_since":
                options["since"] = span(name, value)[0]
            case "_at":
                options["at"] = span(name, value)
            case "_sort" if value in _ORDERS:
                options["oldest_first"] = value == "_lastUpdated"
            case "_page" if re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,9}", value):
                options["cursor"] = tuple(int(n) for n in value.split("."))
            case "_format" | "_pretty" | "_summary" | "_elements":
                pass
            case _:
                raise problem(
                    "invalid",
                    f"'{name[:64]}' is not a history parameter, or its value cannot be read",
                    f"« {name[:64]} » n'est pas un paramètre d'historique, ou sa valeur est illisible",
                    at=f"http.{name[:64]}",
                )
    return options


def _history_subset(call: Call, kinds: Sequence[str]) -> tuple[Query | None, bool]:
    """The part of each version that is asked for, and whether the number of versions is all that is."""
    pairs = [pair for pair in call.pairs() if pair[0] in SUBSETS]
    if ("_summary", "count") in pairs:
        return None, True
    if not kinds and any(name == "_elements" for name, _ in pairs):
        raise problem(
            "not-supported",
            "_elements is of one type: ask the history of that type",
            "_elements est d'un seul type : demandez l'historique de ce type",
            at="http._elements",
        )
    return subset_of(kinds[0] if kinds else "Basic", pairs) if pairs else None, False


def _with_head(**methods: _Handler) -> Mapping[str, _Handler]:
    """Rule: RFC 9110 section 9.1: whatever is read by GET is asked about by HEAD."""
    return methods | {"HEAD": methods["GET"]} if "GET" in methods else methods


_WRITES: Mapping[str, _Handler] = {
    "PUT": Interactions._update,
    "PATCH": Interactions._patch,
    "DELETE": Interactions._delete,
}
_IN_COMPARTMENT = Interactions._search_compartment
_SHAPES: Mapping[str, Mapping[str, _Handler]] = {
    "type": _with_head(GET=Interactions._search, POST=Interactions._create, **_WRITES),
    "search": _with_head(POST=Interactions._search, GET=Interactions._search),
    "compartment": _with_head(GET=_IN_COMPARTMENT),
    "compartment-search": _with_head(POST=_IN_COMPARTMENT, GET=_IN_COMPARTMENT),
    "type-history": _with_head(GET=Interactions._type_history),
    "instance": _with_head(GET=Interactions._read, **_WRITES),
    "instance-history": _with_head(GET=Interactions._instance_history),
    "version": _with_head(GET=Interactions._vread),
}
"""What each shape of a path answers to each method."""


def _refuse_narrative_with_others(query: Query) -> None:
    """Rule: FHIR R4, search.html#summary: `_include` and `_revinclude` cannot be mixed with text."""
    if query.summary == "text" and query.includes:
        raise problem(
            "invalid",
            "_summary=text cannot be mixed with _include or _revinclude",
            "_summary=text ne se combine pas avec _include ou _revinclude",
            at="http._summary",
        )


def path_of(raw: str) -> tuple[str, ...]:
    """The decoded segments of a path."""
    parts = [part for part in raw.split("/") if part]
    return tuple(unquote(part, errors="replace") for part in parts) if "%" in raw else tuple(parts)
