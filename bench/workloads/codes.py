"""Terminology: an invented system of a thousand codes, asked whether a code is in it, and for its codes."""

from __future__ import annotations

import json
import random

from bench.client.connection import Connection
from bench.workloads.measure import Measure, Stage

_SYSTEM, _SET = "urn:bench:system", "urn:bench:set"
_CODES = 1000
_QUESTIONS = 400


def terminology(stage: Stage) -> list[Measure]:
    """`$validate-code`, half of the codes unknown; `$expand`, a page of all and a page by words."""
    draw = random.Random("codes")
    asked = [draw.randrange(2 * _CODES) for _ in range(_QUESTIONS)]
    validate = stage.file("validate-code", [_validate(n) for n in asked])
    plain = stage.file("expand-all", [_page(n % 40) for n in asked])
    expand = stage.file("expand", [_expand(n) for n in asked])

    async def right_codes(connection: Connection) -> str:
        if fault := await _put(stage, connection):
            return fault
        for number in asked[:20]:
            answer = await connection.ask("GET", _validate(number))
            if answer.status != 200:
                return f"status {answer.status}: {answer.body[:200]!r}"
            told = {p["name"]: p.get("valueBoolean") for p in json.loads(answer.body)["parameter"]}
            if told.get("result") != (number < _CODES):
                return f"code {number} is judged {told.get('result')}"
        return ""

    async def right_pages(connection: Connection) -> str:
        if fault := await _put(stage, connection):
            return fault
        for number in asked[:10]:
            answer = await connection.ask("GET", _expand(number))
            if answer.status != 200:
                return f"status {answer.status}: {answer.body[:200]!r}"
            found = {c["code"] for c in json.loads(answer.body)["expansion"].get("contains", [])}
            wanted = {f"c{n}" for n in range(_CODES) if _word(n) == _word(number)}
            if found != wanted:
                return f"{len(found)} codes for {_word(number)}, not {len(wanted)}"
        return ""

    async def whole(connection: Connection) -> str:
        if fault := await _put(stage, connection):
            return fault
        found: list[str] = []
        for number in range(_CODES // 20):
            answer = await connection.ask("GET", _page(number))
            if answer.status != 200:
                return f"status {answer.status}: {answer.body[:200]!r}"
            found += [c["code"] for c in json.loads(answer.body)["expansion"].get("contains", [])]
        right = sorted(found) == sorted(f"c{n}" for n in range(_CODES))
        return "" if right else f"{len(set(found))} codes on all pages, {len(found)} with those twice"

    return [
        Measure(
            "terminology",
            "$expand, a page of all",
            lambda c, n: stage.drive(plain, c, n),
            lambda: stage.judge(whole),
        ),
        Measure(
            "terminology",
            "$validate-code",
            lambda c, n: stage.drive(validate, c, n),
            lambda: stage.judge(right_codes),
        ),
        Measure(
            "terminology",
            "$expand, a page by words",
            lambda c, n: stage.drive(expand, c, n),
            lambda: stage.judge(right_pages),
        ),
    ]


def _word(number: int) -> str:
    return f"mot{number % 100:02}"


def _validate(number: int) -> str:
    return f"ValueSet/$validate-code?url={_SET}&system={_SYSTEM}&code=c{number}"


def _expand(number: int) -> str:
    return f"ValueSet/$expand?url={_SET}&filter={_word(number)}&count=20"


def _page(number: int) -> str:
    return f"ValueSet/$expand?url={_SET}&offset={20 * number}&count=20"


async def _put(stage: Stage, connection: Connection) -> str:
    """Writes both, as the system actor where there is one."""
    token = await stage.server.token("off") if stage.mode != "off" else stage.token
    writing = Connection(stage.server.port, token, stage.server.base)
    facts = {"status": "active", "version": "1"}
    concepts = [{"code": f"c{n}", "display": f"{_word(n)} numéro {n}"} for n in range(_CODES)]
    system = {"resourceType": "CodeSystem", "id": "bench-system", "url": _SYSTEM, **facts}
    system |= {"content": "complete", "concept": concepts}
    chosen = {"resourceType": "ValueSet", "id": "bench-set", "url": _SET, **facts}
    chosen["compose"] = {"include": [{"system": _SYSTEM}]}
    for resource in (system, chosen):
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = await writing.ask("PUT", path, json.dumps(resource).encode())
        if answer.status not in (200, 201):
            return f"status {answer.status}: {answer.body[:300]!r}"
    writing.close()
    return ""
