"""Readers of larger exchanges: transactions, profiles, imports, subscriptions, requests answered later."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeVar

import msgspec

from aubier.access.actor import Actor, system_actor
from aubier.fhir.json import dumps, parse
from aubier.fhir.packages import Canonicals
from aubier.fhir.references import iter_references, replace_references
from aubier.ground.problem import Problem, not_found
from aubier.ground.rows import Resource
from aubier.rest.bulk.asking import _NAMES, _wanted
from aubier.rest.bundles.run import run_bundle
from aubier.rest.exchange import Call
from aubier.rest.importing.asking import _of_parameters
from aubier.rest.importing.running import _last_of_each, _read
from aubier.rest.importing.sources import Lines
from aubier.rest.interactions import Interactions
from aubier.search.extract import extract
from aubier.search.model import Criterion, Query
from aubier.search.parameters import registry
from aubier.search.query import parse as parse_search
from aubier.services.subscriptions.asking.headers import given, shown
from aubier.services.subscriptions.asking.plan import patients_named, planned, read_plan
from aubier.services.subscriptions.asking.topics import _topic
from aubier.services.subscriptions.asking.triggers import read_trigger
from aubier.settings import Settings
from aubier.store import aside
from aubier.store.intent import Intent, Written
from aubier.store.reading import Found, Row
from aubier.store.sight import Sight
from aubier.validation import check as check_resource
from aubier.validation.profiles import Library
from aubier.validation.service.shelf import _trimmed, named_in, wanted_by
from aubier.validation.snapshots import Snapshots
from aubier.validation.snapshots.tree import MALFORMED
from aubier.validation.walks import walked
from tests.fuzz import seeds
from tests.fuzz.target import Target, check, read

T = TypeVar("T")

_BODY = "http.body"
_BASE = "http://localhost/fhir"
_NOW = datetime(2026, 1, 31, tzinfo=UTC)
_ACTOR = system_actor("fuzz")
_JSON = {"content-type": "application/fhir+json"}
_SETTINGS = Settings.load({"AUBIER_IMPORT_HOSTS": "files.example", "AUBIER_SUBSCRIPTION_HOSTS": "a.example"})


async def _nowhere(queries: Sequence[Query]) -> None:
    """No commit mark, for nothing is stored."""


async def _nothing_new() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Access:
    settings: Settings = _SETTINGS
    store: Any = field(
        default_factory=lambda: SimpleNamespace(
            registry=registry(), learn=_nothing_new, local=str, look=_nowhere
        )
    )
    check: Callable[[Resource], None] = check_resource


_ACCESS = _Access()
_SIGHT = Sight("fuzz", "Fuzz", 0)


@dataclass(frozen=True, slots=True)
class _View:
    """A store that holds nothing, and takes whatever is sound."""

    actor: Actor = _ACTOR
    access: _Access = _ACCESS
    sight: Sight = _SIGHT
    now: datetime = _NOW
    strict: bool = False

    async def written_before(self) -> bool:
        return False

    async def search_rows(self, query: Query, *, mark: int | None = None) -> Any:
        """Patients who are named by their ids are there."""
        ids = [c for c in query.criteria if isinstance(c, Criterion) and c.parameter.code == "_id"]
        if query.type != "Patient" or not ids:
            raise not_found(query.type)
        return Found([Row(query.type, v.text or v.code, 1, 0, b"{}") for v in ids[0].values])

    async def read_row(self, kind: str, logical: str, *_: Any) -> Any:
        raise not_found(f"{kind}/{logical}")

    vread_row = read_row

    def __getattr__(self, name: str) -> Any:
        """Whatever else a read asks: it finds nothing."""
        if name.startswith("_"):
            raise AttributeError(name)

        async def nothing(*_: Any, **__: Any) -> Any:
            raise not_found(name)

        return nothing

    async def write(self, intents: Sequence[Intent], **_: Any) -> list[Written]:
        """What a transaction comes to: each resource with the references between entries put in place."""
        links = {i.full_url: f"{i.type}/{n}" for n, i in enumerate(intents) if i.full_url}
        put = set(links.values())
        for intent in intents:
            if intent.resource is not None:
                check_resource(intent.resource)
                made = replace_references(intent.resource, links)
                left = {place.text for place in iter_references(made) if place.text in links}
                assert left <= put, "a reference between entries was left as it was"
                extract(made)
        return [
            Written(i.type, str(n), 1, 0, "deleted" if i.op == "delete" else "created")
            for n, i in enumerate(intents)
        ]

    def query(self, kind: str, pairs: Sequence[tuple[str, str]]) -> Query:
        return parse_search(kind, list(pairs), registry=registry())

    async def meets(self, *_: Any) -> list[bool]:
        return [True]


_VIEW = _View()


@dataclass(frozen=True, slots=True)
class _Context:
    actor: Actor = _ACTOR
    store: _View = _VIEW
    now: datetime = _NOW
    settings: Settings = _SETTINGS
    language: str = "en"


def _done(work: Coroutine[Any, Any, T]) -> T:
    """What comes of work that waits for nothing; what is long is done here too, where it is measured."""
    long, aside.LONG = aside.LONG, sys.maxsize
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        aside.LONG = long
    work.close()
    raise AssertionError("it waits for something")


def transaction(data: bytes) -> None:
    """A transaction, whatever its type says: envelope, entries, references between them, criteria."""
    bundle = read(lambda: parse(data), _BODY)
    if bundle is None:
        return
    sent = dumps({**bundle, "type": "transaction"})
    call = Call("POST", (), "", _JSON, sent, _BASE)
    answer = read(lambda: _done(run_bundle(Interactions(lambda base: b"{}"), call, _View())), _BODY)  # type: ignore[arg-type]
    if answer is not None:
        told = parse(answer.body)
        assert len(told.get("entry", ())) == len(bundle.get("entry", ()))
        assert not bundle.get("entry") or told["type"] == "transaction-response"


def profiled(data: bytes) -> None:
    """A Bundle of definitions and, last, a resource: snapshots are made, and each is walked over it."""
    bundle = read(lambda: parse(data), _BODY)
    entries = bundle.get("entry") if bundle else None
    if not isinstance(entries, list):
        return
    resources = [
        e["resource"] for e in entries if isinstance(e, dict) and isinstance(e.get("resource"), dict)
    ]
    if not resources:
        return
    known: Canonicals[Resource] = Canonicals()
    for one in resources[:-1]:
        if isinstance(one.get("url"), str):
            try:
                known.add(one["url"], str(one.get("version", "")), _trimmed(one))
            except MALFORMED:
                continue
    for one in known:
        assert all(isinstance(canonical, str) for _, canonical in wanted_by({"resourceType": "", **one}))
        read(lambda one=one: Snapshots(known.find).snapshot(one), _BODY)  # type: ignore[misc]
    list(named_in(resources[-1]))
    found = walked(resources[-1], [str(one["url"]) for one in known], Library(known.find))
    if found.issues:
        check(Problem(tuple(found.issues)), _BODY)


def imported(data: bytes) -> None:
    """A file of an import as it comes, in pieces: each line once, and what is sound is loaded."""
    source = io.BytesIO(data)

    async def piece() -> bytes:
        return source.read(7 + source.tell() % 50)

    lines, had = Lines(0, 0, piece), list[bytes]()
    while taken := read(lambda: _finished(lines.take(3, 4_000, 8_000)), _BODY):
        had += taken
    assert data.startswith(b"".join(had))
    assert lines.offset == sum(map(len, had))
    chunk = []
    for number, line in enumerate(had, 1):
        found = read(lambda n=number, line=line: _line(n, line), f"line {number}")  # type: ignore[misc]
        if found is not None:
            chunk.append((str(number), found))
    for _, one in _last_of_each(chunk):
        extract(one)


def _finished(work: Coroutine[Any, Any, list[bytes]]) -> list[bytes]:
    """What comes of work that waits for nothing but its turn."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            found: list[bytes] = end.value
            return found


@dataclass(frozen=True, slots=True)
class _Job:
    id: str = "a"


def _line(number: int, line: bytes) -> Resource | None:
    return _read(_View(), _Job(), 0, number, line=line, kind=None) if line.strip() else None  # type: ignore[arg-type]


def import_asked(data: bytes) -> None:
    """The Parameters of `$import`: nothing is fetched from where nobody allowed it."""
    call = Call("POST", ("$import",), "", _JSON, data, _BASE)
    found = read(lambda: _of_parameters(call, _View()), _BODY)  # type: ignore[arg-type]
    for one in found[0] if found else ():
        assert one["url"].lower().startswith(("binary/", "https://files.example"))


def export_asked(data: bytes) -> None:
    """The parameters of `$export`, in a query and as Parameters; `Prefer` is its first line."""
    prefer, _, rest = data.partition(b"\n")
    headers = {"prefer": prefer.decode("latin-1"), **_JSON}
    for call in (
        Call("GET", ("$export",), rest.decode("latin-1"), headers, b"", _BASE),
        Call("POST", ("$export",), "", headers, rest, _BASE),
    ):
        assert read(lambda call=call: call.prefer) is not None  # type: ignore[misc]
        wanted = read(lambda call=call: _wanted(call, _View(), (*_NAMES, "patient")), _BODY)  # type: ignore[misc,arg-type]
        if wanted is not None:
            json.dumps([wanted.types, wanted.since, wanted.until, wanted.elements, wanted.filters])


def subscribed(data: bytes) -> None:
    """A Subscription: what it asks, how it is told, its headers; what is kept of it reads the same again."""
    resource = read(lambda: parse(data), _BODY)
    if resource is None or resource.get("resourceType") != "Subscription" or not _sound(resource):
        return
    headers = read(lambda: given(resource, (), same_place=False), _BODY)
    for header in headers or ():
        assert header.isascii()
        assert header.isprintable()
        assert header.endswith((": ", "***")) or header not in shown(resource)["channel"]["header"]
    found = read(lambda: _done(planned(_Context(), resource)), _BODY)  # type: ignore[arg-type]
    if found is None:
        return
    plan, triggers, end = found
    assert read_plan(plan.text) == plan
    assert end >= 0
    for trigger in triggers:
        assert read_trigger(trigger.text) == trigger
        read(lambda trigger=trigger: patients_named(_Context(), trigger), _BODY)  # type: ignore[misc,arg-type]


def _sound(resource: Resource) -> bool:
    try:
        check_resource(resource)
    except Problem:
        return False
    return True


def topic(data: bytes) -> None:
    """A topic of the operator's: its triggers are what the program can keep and ask."""
    found = read(lambda: _topic("a.json", data.decode("utf-8", "replace")))
    assert not found or all(isinstance(name, str) for pair in found.filters for name in pair)
    for trigger in found.triggers if found else ():
        assert read_trigger(trigger.text) == trigger
        assert all(isinstance(query, str) for query in trigger.queries)
        assert trigger.finds({"resourceType": "Patient"}, None) in (True, False)


# -- valid ones -----------------------------------------------------------------------------------------


def bundle_of(*entries: Mapping[str, Any], kind: str = "transaction") -> bytes:
    """A Bundle."""
    return msgspec.json.encode({"resourceType": "Bundle", "type": kind, "entry": entries})


def posted(url: str, resource: Mapping[str, Any], **request: str) -> dict[str, Any]:
    """An entry that creates a resource known in its Bundle as `url`."""
    kind = str(resource["resourceType"])
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": kind, **request}}


def definition(name: str, base: str, *rows: Mapping[str, Any], kind: str = "Patient") -> dict[str, Any]:
    """An entry with a profile made of a differential."""
    return {
        "resource": {
            "resourceType": "StructureDefinition",
            "url": f"http://a/{name}",
            "type": kind,
            "derivation": "constraint",
            "baseDefinition": base,
            "differential": {"element": [{"id": row["path"], **row} for row in rows]},
        }
    }


PATIENT_BASE = "http://hl7.org/fhir/StructureDefinition/Patient"
_UUID = "urn:uuid:00000000-0000-4000-8000-00000000000"
_OBSERVED = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "a"},
    "subject": {"reference": f"{_UUID}1"},
    "hasMember": [{"reference": f"{_UUID}2"}],
    "performer": [{"reference": "Practitioner?identifier=urn:oid:1.2|3"}],
}
_PATIENT = {"resourceType": "Patient", "link": [{"other": {"reference": f"{_UUID}1"}, "type": "refer"}]}


def _transactions() -> tuple[bytes, ...]:
    circle = {
        **_OBSERVED,
        "performer": [{"reference": "#a"}],
        "contained": [{"resourceType": "Group", "id": "a"}],
    }
    circle["contained"] = [{"resourceType": "Practitioner", "id": "a"}]
    return (
        bundle_of(posted(f"{_UUID}1", _PATIENT), posted(f"{_UUID}2", circle)),
        bundle_of(
            posted(f"{_UUID}1", _PATIENT, ifNoneExist="identifier=a|b"), posted(f"{_UUID}2", _OBSERVED)
        ),
        bundle_of(
            {"request": {"method": "DELETE", "url": "Patient?identifier=a"}},
            {"request": {"method": "GET", "url": "Patient/1?_elements=name"}},
            {
                "fullUrl": f"{_UUID}1",
                "resource": {"resourceType": "Patient", "id": "p"},
                "request": {"method": "PUT", "url": "Patient/p", "ifMatch": 'W/"1"'},
            },
        ),
    )


_RULE = {"key": "a", "severity": "error", "expression": "family.exists()"}
_SLICED = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}


def _profiles() -> tuple[bytes, ...]:
    patient = {"resource": parse(seeds.resources()[0])}
    sliced = definition(
        "a",
        PATIENT_BASE,
        {"path": "Patient.identifier", "slicing": _SLICED, "min": 1},
        {"id": "Patient.identifier:ins", "path": "Patient.identifier", "sliceName": "ins", "max": "1"},
        {
            "id": "Patient.identifier:ins.system",
            "path": "Patient.identifier.system",
            "fixedUri": "urn:oid:1.2",
        },
        {
            "path": "Patient.name",
            "constraint": [{"key": "a", "severity": "error", "expression": "family.exists()"}],
        },
        {"path": "Patient.deceasedBoolean", "max": "0"},
    )
    extension = {"code": "Extension", "profile": ["http://a/x"]}
    circles = (
        definition("b", "http://a/c", {"path": "Patient.name", "min": 1}),
        definition("c", "http://a/b", {"path": "Patient.extension", "sliceName": "x", "type": [extension]}),
        definition(
            "x",
            "http://hl7.org/fhir/StructureDefinition/Extension",
            {"path": "Extension.extension", "type": [extension]},
            {"path": "Extension.value[x]", "type": [{"code": "Quantity"}], "patternQuantity": {"unit": "a"}},
            kind="Extension",
        ),
    )
    items = definition(
        "q",
        "http://hl7.org/fhir/StructureDefinition/Questionnaire",
        {"path": "Questionnaire.item.item.item", "contentReference": "#Questionnaire.item.item"},
        {"path": "Questionnaire.item.item.item.text", "min": 1},
        kind="Questionnaire",
    )
    asked = {
        "resource": {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group"}],
        }
    }
    return (
        bundle_of(sliced, patient, kind="collection"),
        bundle_of(*circles, patient, kind="collection"),
        bundle_of(items, {"resource": asked}, kind="collection"),
    )


def _parameters(*rows: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"resourceType": "Parameters", "parameter": rows})


def _imports() -> tuple[bytes, ...]:
    parts = (
        {"name": "type", "valueCode": "Patient"},
        {"name": "url", "valueUri": "https://files.example/a.ndjson"},
        {"name": "etag", "valueString": '"1"'},
    )
    inside = ({"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUri": "Binary/1"})
    return (
        _parameters(
            {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
            {"name": "inputSource", "valueUri": "https://a.example"},
            {"name": "storageDetail", "part": [{"name": "type", "valueCode": "https"}]},
            {"name": "mode", "valueCode": "IncrementalLoad"},
            {"name": "input", "part": parts},
            {"name": "input", "part": inside},
        ),
    )


_EXPORTS = (
    b"respond-async, handling=strict\n_type=Patient,Observation&_since=2020-01-01T00:00:00Z"
    b"&_elements=id,Patient.name&_typeFilter=Observation?status=final%26date=ge2020,Patient?name=a&patient=Patient/1",
    b"respond-async\n"
    + _parameters(
        {"name": "_since", "valueInstant": "2020-01-01T00:00:00Z"},
        {"name": "patient", "valueReference": {"reference": "Patient/1"}},
        {"name": "_type", "valueString": "Patient"},
    ),
)
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport"


def _subscription(criteria: str, channel: Mapping[str, Any], **more: Any) -> bytes:
    head = {"resourceType": "Subscription", "status": "requested", "reason": "a", "criteria": criteria}
    return msgspec.json.encode({**head, "channel": channel, **more})


_SUBSCRIPTIONS = (
    _subscription(
        "Observation?code=a&subject=Patient/1",
        {
            "type": "rest-hook",
            "endpoint": "https://a.example/x",
            "payload": "application/fhir+json",
            "header": ["A: b"],
        },
        end="2027-01-01T00:00:00Z",
    ),
    _subscription(
        "http://aubier.example/topics/patient-changed",
        {
            "type": "websocket",
            "extension": [{"url": f"{_BACKPORT}-heartbeat-period", "valueUnsignedInt": 60}],
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{_BACKPORT}-payload-content", "valueCode": "id-only"}]},
        },
        _criteria={"extension": [{"url": f"{_BACKPORT}-filter-criteria", "valueString": "Patient?_id=1"}]},
    ),
)
_TOPIC = {
    "resourceType": "SubscriptionTopic",
    "url": "http://a/t",
    "version": "1",
    "resourceTrigger": [
        {
            "resource": "Encounter",
            "supportedInteraction": ["create", "update"],
            "queryCriteria": {
                "previous": "status:not=finished",
                "resultForCreate": "test-passes",
                "current": "status=finished",
                "requireBoth": True,
            },
            "fhirPathCriteria": "%current.status = 'a'",
        }
    ],
    "canFilterBy": [{"resource": "Encounter", "filterParameter": "subject"}],
}


def _words(text: str) -> tuple[bytes, ...]:
    """The words of a text, and those of JSON."""
    return tuple(word.encode() for word in f'{{ }} [ ] , : " null 1 true "" {{}} [] \\u0000 {text}'.split())


_TRANSACTION_WORDS = """
    urn:uuid: "#a" "method":" PUT DELETE PATCH GET POST Patient? identifier= //[ %FF $export
    W/"1" "ifNoneExist":" /_history/1 "resourceType":"Binary" "fullUrl":" "reference":" Parameters %00"""
_PROFILE_WORDS = """
    "slicing":{"discriminator":[{"type":" value pattern type profile exists "path":" Patient. $this
    .resolve() .extension('a') .ofType( [x] "sliceName":" ins /re "contentReference":"# "min": "max":" * 0 -1
    "fixedString": "patternCoding": "http://a/ a x "profile":[" "type":[{"code":" Extension "constraint":[
    "binding":{"strength":"required","valueSet":" "expression":" "snapshot":{"element":[ "maxLength":1
    "differential":{"element":[ "meta":{"profile":[" "contained":[ "minValueInteger": specialization
    http://hl7.org/fhir/StructureDefinition/"""
_EXPORT_WORDS = """
    & = ? %2C %26 _type= _since= _until= _elements= Patient. _typeFilter= patient= Patient/ 9999
    _has:Observation:patient:code=a %FF %00 "name":" "valueString":" respond-async ; wait=1"""
_SUBSCRIPTION_WORDS = """
    Observation? code= :not= _has: %2C %FF %00 _include=* https://a.example @ # [::1] :0
    http://aubier.example/topics/observation-final rest-hook message websocket "header":[" Host: \\r\\n ***
    "end":" 9999 -filter-criteria -timeout -heartbeat-period -payload-content -channel-type 99999"""

TARGETS = (
    Target("transaction", transaction, _transactions, _words(_TRANSACTION_WORDS)),
    Target("profile", profiled, _profiles, _words(_PROFILE_WORDS)),
    Target(
        "import",
        imported,
        lambda: (b"\n".join(seeds.resources()), b"\r\n\n".join(seeds.resources()[:2])),
        (*_words('"resourceType":" "id":" SUBSETTED'), b"\n", b"\r\n", b"\xff", b"\xef\xbb\xbf"),
    ),
    Target(
        "import-request",
        import_asked,
        _imports,
        _words('Binary/ https:// files.example @ [::1] :99999 valueUri "part":'),
    ),
    Target("export-request", export_asked, lambda: _EXPORTS, (*_words(_EXPORT_WORDS), b"\n")),
    Target("subscription", subscribed, lambda: _SUBSCRIPTIONS, _words(_SUBSCRIPTION_WORDS)),
    Target(
        "topic",
        topic,
        lambda: (msgspec.json.encode(_TOPIC),),
        _words("resource queryCriteria fhirPathCriteria %previous delete Patient ( ) previous"),
    ),
)
