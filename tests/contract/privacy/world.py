"""Whom the tests are about, what is in their records, and how an answer and its audit lines are compared."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from aubier.access.actor import Actor
from aubier.access.labels import VISIBILITY
from tests.contract.desk import Desk

Resource = dict[str, Any]
MASKS = {"ps": "MASQUE_PS", "patient": "INVISIBLE_PATIENT", "rep": "INVISIBLE_REPRESENTANTS_LEGAUX"}
KINDS = ("Condition", "Encounter", "DocumentReference", "Binary")


def professional(login: str, number: str) -> Actor:
    """A professional of that IDNPS."""
    return Actor(
        "professional",
        login,
        f"Dr {login.capitalize()}",
        keys=(f"ps:{number}",),
        reference=f"Practitioner/{login}",
        profession="10",
        scopes=("user/*.cruds",),
        purpose="TREAT",
    )


def mask(code: str) -> Resource:
    """The coding that hides from professionals (`ps`), the holder (`patient`) or representatives (`rep`)."""
    return {"system": VISIBILITY, "code": MASKS[code]}


def condition(patient: str, **more: Any) -> Resource:
    """A Condition, to which `more` adds."""
    return {
        "resourceType": "Condition",
        "code": {"coding": [{"system": "urn:t", "code": "secret"}], "text": "secret"},
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": "2026-01-01",
        **more,
    }


def document(patient: str, **more: Any) -> Resource:
    """A DocumentReference without content."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"contentType": "text/plain", "title": "secret"}}],
        **more,
    }


def binary(name: str, **more: Any) -> Resource:
    """The content of a document."""
    return {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "securityContext": {"reference": f"DocumentReference/{name}"},
        "data": base64.b64encode(b"secret").decode(),
        **more,
    }


def resources() -> Iterator[Resource]:
    """Anna's record with each kind plain and under each mask; the records of the others."""
    for patient in ("anna", "own", "del"):
        yield {"resourceType": "Patient", "id": patient, "name": [{"family": patient}], "active": True}
    for name in ("plain", *MASKS):
        meta = {"meta": {"security": [mask(name)]}} if name in MASKS else {}
        encounter = {"status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/anna"}}
        met = {"reference": f"Encounter/encounter-{name}"}
        yield {"resourceType": "Encounter", "id": f"encounter-{name}", **encounter, **meta}
        yield condition("anna", id=f"condition-{name}", encounter=met, **meta)
        yield document("anna", id=f"document-{name}", context={"encounter": [met]}, **meta)
        yield binary(f"document-{name}", id=f"binary-{name}")


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PAGE = re.compile(r"_page=[^\"&]+")


def same(text: str, asked: str) -> str:
    """A text without the id that was asked, new ids and instants."""
    bare = _PAGE.sub("_page=P", _UUID.sub("<new>", _INSTANT.sub("<when>", text)))
    return re.sub(rf"(?<![\w-]){re.escape(asked)}(?![\w-])", "<id>", bare)


@dataclass
class World:
    """The house, and what each request leaves in the audit table."""

    desk: Desk

    async def lines(self, after: int = 0) -> list[Any]:
        """The audit lines after a number, oldest first."""
        found = await self.desk.house.store.pool.fetch(
            "select * from audit where aid > $1 order by aid", after
        )
        return list(found)

    async def last(self) -> int:
        """The number of the latest audit line."""
        return int(await self.desk.house.store.pool.fetchval("select coalesce(max(aid), 0) from audit"))

    async def heard(
        self, login: str, request: tuple[Any, ...], asked: str
    ) -> tuple[Any, list[Any], httpx.Response]:
        """The answer made comparable, its audit lines made comparable, and the answer itself."""
        method, path, body, headers = (*request, None, None)[:4]
        before = await self.last()
        answer = await self.desk.call(login, method, path, body, **(headers or {}))
        # The reads of a batch are asked together: which line is written first says nothing.
        lines = sorted(
            (r["actor"], r["action"], same(r["what"], asked), r["outcome"], r["hits"])
            for r in await self.lines(before)
        )
        kept = {
            k: same(v, asked)
            for k, v in answer.headers.items()
            if k not in ("content-length", "last-modified")
        }
        return (answer.status_code, kept, same(answer.text, asked)), lines, answer

    async def sees(self, login: str, reference: str) -> bool:
        """Whether someone may read this; what hides it is said as if it were not there."""
        status, told = await self.desk.ask(login, "GET", reference)
        assert status in (200, 404, 410), (login, reference, status, told)
        return status == 200


def bundle(kind: str, *entries: Resource) -> Resource:
    """A batch or transaction."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Resource | None = None, **request: str) -> Resource:
    """One entry of a batch or transaction."""
    row: Resource = {"request": {"method": method, "url": url, **request}}
    return row | ({"resource": resource} if resource else {})


def shown(answer: httpx.Response) -> str:
    """The whole answer as text, base64 contents opened."""
    text = answer.text
    for part in re.findall(r'"data":"([^"]+)"', text):
        text += base64.b64decode(part).decode(errors="replace")
    return text + json.dumps(dict(answer.headers))
