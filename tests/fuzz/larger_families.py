"""Crafted exchanges that grow: transactions, profiles, files of imports, subscriptions, requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.fuzz.family import Family
from tests.fuzz.targets.exchanges import PATIENT_BASE, bundle_of, definition, posted

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/Extension"
_QUESTIONS = "http://hl7.org/fhir/StructureDefinition/Questionnaire"
_BY_SYSTEM = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}


def _url(n: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{n:012}"


def _observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, **more}


def _several(n: int, members: Callable[[int], list[str]]) -> bytes:
    """A transaction of `n` observations, each with references."""
    rows = (_observation(hasMember=[{"reference": r} for r in members(i)]) for i in range(n))
    return bundle_of(*(posted(_url(i), row) for i, row in enumerate(rows)))


def _asked(n: int, method: str, url: str) -> bytes:
    return bundle_of(*({"request": {"method": method, "url": url.format(i)}} for i in range(n)))


def _contained(n: int) -> bytes:
    inside = [_observation(id=f"c{i}") for i in range(n)]
    named = [{"reference": f"#c{i}"} for i in range(n)]
    return bundle_of(posted(_url(1), _observation(contained=inside, hasMember=named)))


def _links(n: int) -> bytes:
    inside = f'<a href="{_url(1)}">a</a>' * n
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
    told = _observation(text={"status": "generated", "div": div})
    return bundle_of(posted(_url(1), _observation()), posted(_url(2), told))


TRANSACTIONS = (
    Family("a circle of references", "transaction", lambda n: _several(n, lambda i: [_url((i + 1) % n)]), 15),
    Family("references to one", "transaction", lambda n: _several(n, lambda i: [_url(0)]), 15),
    Family("references of one", "transaction", lambda n: _several(3, lambda i: [_url(0)] * n), 30),
    Family("references to nobody", "transaction", lambda n: _several(n, lambda i: [_url(i + 9999)]), 30),
    Family("fragments", "transaction", lambda n: _several(n, lambda i: [_url(0) + "#a" * 40]), 15),
    Family("criteria", "transaction", lambda n: _several(n, lambda i: [f"Observation?code={i}"]), 15),
    Family("one url", "transaction", lambda n: bundle_of(*[posted(_url(1), _observation())] * n), 30),
    Family("conditional deletes", "transaction", lambda n: _asked(n, "DELETE", "Patient?identifier={}"), 15),
    Family("reads", "transaction", lambda n: _asked(n, "GET", "Patient/{}?_elements=name"), 15),
    Family("contained that are named", "transaction", _contained, 30),
    Family("links of a narrative", "transaction", _links, 60),
)


def _profile(*rows: Mapping[str, Any], **patient: Any) -> bytes:
    tried = {"resource": {"resourceType": "Patient", **patient}}
    return bundle_of(definition("a", PATIENT_BASE, *rows), tried, kind="collection")


def _chain(n: int, base: Callable[[int], int]) -> bytes:
    rows = [definition(str(i), f"http://a/{base(i)}", {"path": "Patient.name", "min": 1}) for i in range(n)]
    tried = {"resource": {"resourceType": "Patient", "meta": {"profile": ["http://a/0"]}}}
    return bundle_of(*rows, tried, kind="collection")


def _slices(n: int, items: int) -> bytes:
    rows: list[dict[str, Any]] = [{"path": "Patient.identifier", "slicing": _BY_SYSTEM}]
    for i in range(n):
        at = f"Patient.identifier:s{i}"
        rows.append({"id": at, "path": "Patient.identifier", "sliceName": f"s{i}"})
        rows.append({"id": f"{at}.system", "path": "Patient.identifier.system", "fixedUri": f"a:{i}"})
    return _profile(*rows, identifier=[{"system": f"a:{i}", "value": "a"} for i in range(items)])


def _reslices(n: int) -> bytes:
    names = ["s", *(f"s/r{i}" for i in range(n))]
    rows = [{"id": f"Patient.identifier:{s}", "path": "Patient.identifier", "sliceName": s} for s in names]
    return _profile({"path": "Patient.identifier", "slicing": _BY_SYSTEM}, *rows)


def _nested_slices(n: int) -> bytes:
    rows = [
        {"id": "Patient" + ".extension:s" * i, "path": "Patient" + ".extension" * i, "sliceName": "s"}
        for i in range(1, n)
    ]
    return _profile(*rows)


def _rules(n: int) -> list[dict[str, str]]:
    said = {"severity": "error", "human": "a"}
    return [{"key": f"k{i}", "expression": f"text = '{i}'", **said} for i in range(n)]


def _discriminated(path: str, times: int = 1) -> bytes:
    cut = {"discriminator": [{"type": "value", "path": path}] * times, "rules": "closed"}
    sliced = {"id": "Patient.identifier:s", "path": "Patient.identifier", "sliceName": "s", "min": 1}
    rows = {"path": "Patient.identifier", "slicing": cut}, sliced
    return _profile(*rows, identifier=[{"value": "a"}] * 5)


def _circle_of_extensions(n: int) -> bytes:
    own = {"code": "Extension", "profile": ["http://a/x"]}
    extension = definition("x", _EXTENSION, {"path": "Extension.extension", "type": [own]}, kind="Extension")
    profile = definition("a", PATIENT_BASE, {"path": "Patient.extension", "type": [own]})
    value = {"url": "http://a/x", "extension": [{"url": "http://a/x", "valueString": "a"}]}
    tried = {"resource": {"resourceType": "Patient", "extension": [value] * n}}
    return bundle_of(extension, profile, tried, kind="collection")


def _content(n: int) -> bytes:
    path = "Questionnaire" + ".item" * n
    rows = {"path": path, "contentReference": "#Questionnaire.item"}, {"path": f"{path}.text", "min": 1}
    tried = {"resource": {"resourceType": "Questionnaire", "status": "draft"}}
    return bundle_of(definition("q", _QUESTIONS, *rows, kind="Questionnaire"), tried, kind="collection")


def _deep(n: int) -> bytes:
    rows = [{"path": "Patient"}, {"path": "Patient" + ".extension" * n}]
    made = {"resourceType": "StructureDefinition", "url": "http://a/a", "type": "Patient"}
    tried = {"resource": {"resourceType": "Patient"}}
    return bundle_of({"resource": {**made, "snapshot": {"element": rows}}}, tried, kind="collection")


_NAMED = {"path": "Patient.name", "min": 1}

PROFILES = (
    Family("bases of bases", "profile", lambda n: _chain(n, lambda i: i + 1), 20),
    Family("a circle of bases", "profile", lambda n: _chain(n, lambda i: (i + 1) % n), 40),
    Family("slices", "profile", lambda n: _slices(n, 3), 15),
    Family("items of slices", "profile", lambda n: _slices(3, n), 30),
    Family("slices of slices", "profile", _reslices, 20),
    Family("slices below slices", "profile", _nested_slices, 10),
    Family("one element many times", "profile", lambda n: _profile(*[_NAMED] * n)),
    Family("a deep path", "profile", lambda n: _profile({"path": "Patient" + ".extension" * n})),
    Family("a deep snapshot", "profile", _deep),
    Family(
        "invariants",
        "profile",
        lambda n: _profile({"path": "Patient.name", "constraint": _rules(n)}, name=[{"text": "a"}]),
        15,
    ),
    Family("discriminators", "profile", lambda n: _discriminated("system", n)),
    Family("a long discriminator", "profile", lambda n: _discriminated("assigner.resolve()." * n + "a")),
    Family("a circle of extensions", "profile", _circle_of_extensions, 20),
    Family("a circle of contents", "profile", _content, 6),
)

_PART = {
    "name": "input",
    "part": [{"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUri": "Binary/1"}],
}


def _subscribed(query: str, **more: Any) -> bytes:
    channel = {"type": "rest-hook", "endpoint": "https://a.example", **more}
    head = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "a",
        "criteria": f"Observation?{query}",
    }
    return json.dumps({**head, "channel": channel}).encode()


def _triggers(n: int) -> bytes:
    rows = [{"resource": "Patient", "fhirPathCriteria": f"id = '{i}'"} for i in range(n)]
    made = {"resourceType": "SubscriptionTopic", "url": "http://a/t", "resourceTrigger": rows}
    return json.dumps(made).encode()


REQUESTS = (
    Family("lines", "import", lambda n: b'{"resourceType":"Patient","name":[{"family":"a"}]}\n' * n, 40),
    Family("empty lines", "import", lambda n: b"\n" * n, 500),
    Family("a line without an end", "import", lambda n: b'{"resourceType":"' + b"a" * n, 500),
    Family("lines of one id", "import", lambda n: b'{"resourceType":"Patient","id":"a"}\n' * n, 40),
    Family(
        "files",
        "import-request",
        lambda n: json.dumps({"resourceType": "Parameters", "parameter": [_PART] * n}).encode(),
        50,
    ),
    Family("filters", "export-request", lambda n: b"\n_typeFilter=" + b"Patient?name=a," * n),
    Family("types", "export-request", lambda n: b"\n_type=" + b"Patient," * n),
    Family("elements", "export-request", lambda n: b"\n_elements=" + b"Patient.name," * n),
    Family("patients", "export-request", lambda n: b"\npatient=Patient/1" + b"&patient=Patient/1" * n, 60),
    Family("preferences", "export-request", lambda n: b"respond-async, " * n + b"\n_type=Patient"),
    Family("criteria", "subscription", lambda n: _subscribed("code=a&" * n), 20),
    Family("codes", "subscription", lambda n: _subscribed("code=" + "a," * n), 60),
    Family("chains", "subscription", lambda n: _subscribed("subject" + ":Patient.link" * n + "=a")),
    Family("headers", "subscription", lambda n: _subscribed("code=a", header=["A: b"] * n), 60),
    Family(
        "colons",
        "subscription",
        lambda n: _subscribed("code=a", endpoint="https://a" + ":" * n),
    ),
    Family(
        "triggers",
        "topic",
        _triggers,
        10,
    ),
)

FAMILIES = (*TRANSACTIONS, *PROFILES, *REQUESTS)
