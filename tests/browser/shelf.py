"""A stand-in for the store, for states that are hard to bring about for real: resources in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import not_found, problem
from aubier.ground.text import fold

Resource = dict[str, Any]


@dataclass
class Entry:
    resource: Resource
    mode: str = "match"


@dataclass
class Page:
    entries: list[Entry]
    total: int
    next: str = ""


@dataclass
class Shelf:
    """Answers the calls of `reading.reads`: enough of search for the pages, `broken` makes it fail."""

    resources: list[Resource]
    sees: frozenset[str] = frozenset()
    broken: bool = False
    written: list[Resource] = field(default_factory=list)

    async def read(self, kind: str, id_: str) -> Resource:
        self._check()
        found = next((r for r in self.resources if r["resourceType"] == kind and r["id"] == id_), None)
        if found is None or (kind == "Patient" and id_ not in self.sees):
            raise not_found(f"{kind}/{id_}")
        return found

    async def search(self, kind: str, asked: list[tuple[str, str]]) -> Page:
        self._check()
        found = [r for r in self.resources if r["resourceType"] == kind and self._matches(r, asked)]
        wanted = dict(asked)
        if wanted.get("_sort") == "-date":
            found.sort(
                key=lambda r: str(
                    r.get("date") or r.get("effectiveDateTime") or r.get("period", {}).get("start")
                ),
                reverse=True,
            )
        size, start = int(wanted.get("_count", "1000")), int(wanted.get("_page", "0"))
        shown = found[start : start + size]
        following = str(start + size) if size and len(found) > start + size else ""
        return Page([*map(Entry, shown), *self._included(kind, shown)], len(found), following)

    def _included(self, kind: str, shown: list[Resource]) -> list[Entry]:
        if kind != "PractitionerRole":
            return []
        wanted = {r[k]["reference"] for r in shown for k in ("practitioner", "organization")}
        return [Entry(r, "include") for r in self.resources if f"{r['resourceType']}/{r['id']}" in wanted]

    def _matches(self, r: Resource, asked: list[tuple[str, str]]) -> bool:
        return all(self._one(r, name, value) for name, value in asked if not name.startswith("_"))

    def _one(self, r: Resource, name: str, value: str) -> bool:
        if name == "patient":
            subject = r.get("subject") or r.get("patient") or r.get("for") or {}
            return subject.get("reference", "").split("/")[-1] == value
        if name == "status":
            return r.get("status") == value
        if name in ("type", "code"):
            codes = {c.get("code") for c in r.get(name, {}).get("coding", [])}
            return bool(codes & set(value.split(",")))
        if name == "description:contains":
            return any(fold(v) in fold(r.get("description", "")) for v in value.split(","))
        if name.startswith("author:"):
            return any(fold(value) in fold(a.get("display", "")) for a in r.get("author", []))
        if name == "date":
            day = str(r.get("date", ""))[:10]
            return day >= value[2:] if value.startswith("ge") else day <= value[2:]
        if name == "practitioner.name":
            return fold(value) in fold(self._named(r, "practitioner"))
        if name == "organization.address-city":
            return fold(value) in fold(self._named(r, "organization"))
        if name == "practitioner":
            return r["practitioner"]["reference"] == value
        if name == "identifier":
            return r.get("masterIdentifier", {}).get("value", "") == value.split("|")[-1]
        if name == "actor":
            return any(a["reference"]["reference"] == value for a in r.get("provision", {}).get("actor", []))
        raise AssertionError(f"the stand-in does not know {name}")

    def _named(self, r: Resource, key: str) -> str:
        kind, id_ = r[key]["reference"].split("/")
        found = next(x for x in self.resources if x["resourceType"] == kind and x["id"] == id_)
        names = (
            [f"{n.get('family')} {' '.join(n.get('given', []))}" for n in found["name"]]
            if kind == "Practitioner"
            else []
        )
        return " ".join([*names, *(a.get("city", "") for a in found.get("address", []))])

    async def create(self, resource: Resource) -> Any:
        self._check()
        stored = {**resource, "id": f"new{len(self.written)}"}
        self.written.append(stored)
        self.resources.insert(0, stored)
        return type("Written", (), {"resource": stored, "id": stored["id"]})

    async def update(self, resource: Resource, if_match: Any = None) -> Any:
        self._check()
        self.resources[:] = [
            resource if (r["resourceType"], r["id"]) == (resource["resourceType"], resource["id"]) else r
            for r in self.resources
        ]
        self.written.append(resource)
        return type("Written", (), {"resource": resource, "id": resource["id"]})

    async def accesses(self, patient: str, *, limit: int = 500, before: str = "") -> list[Resource]:
        self._check()
        return [r for r in self.resources if r["resourceType"] == "AuditEvent"] if patient == "yann" else []

    def _check(self) -> None:
        if self.broken:
            raise problem("transient", "The store does not answer", "Le magasin ne répond pas")


class SeenShelf(Shelf):
    """The same, where only the Patients in `sees` exist."""

    def _matches(self, r: Resource, asked: list[tuple[str, str]]) -> bool:
        return (r["resourceType"] != "Patient" or r["id"] in self.sees) and super()._matches(r, asked)
