"""Clients that write and read without rest, and keep book of what they were answered."""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from tests.contract.chaos.history import FOREVER, Seen
from tests.contract.running import Running

TOGETHER = 5
MARK = "urn:kill"
REGISTERS = 4
DOCTOR, CARED_FOR = "dr.morvan", ("yann", "odette", "gael", "gwen")


@dataclass
class Book:
    """What the clients sent and were answered. Versions are of resources known by a mark of ours."""

    created: dict[str, str] = field(default_factory=dict)  # mark -> id, acknowledged
    versions: dict[str, int] = field(default_factory=dict)  # id -> highest acknowledged version
    values: dict[tuple[str, int], int] = field(default_factory=dict)  # (id, version) -> value acknowledged
    whole: set[str] = field(default_factory=set)  # tokens of acknowledged transactions
    seen: list[Seen] = field(default_factory=list)  # requests on the registers that all share
    pairs: list[tuple[str, str, int]] = field(default_factory=list)  # transactions over two of them
    only: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # condition -> ids answered
    registers: list[str] = field(default_factory=list)
    patient: str = ""
    answers: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


def weight(patient: str, mark: str, value: int) -> dict[str, Any]:
    """An Observation that bears a mark."""
    code = {"system": "http://loinc.org", "code": "29463-7"}
    unit = {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"system": MARK, "value": mark}],
        "code": {"coding": [code]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": value, **unit},
    }


def _told(resource: dict[str, Any]) -> tuple[int, int]:
    """The version of a register, and its value."""
    return int(resource["meta"]["versionId"]), int(resource["valueQuantity"]["value"])


async def lay_registers(book: Book, at: Running, who: tuple[str, str]) -> None:
    """Creates the registers that all clients share."""
    book.patient, token = who
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=at.url, headers=headers, timeout=30, verify=False) as http:
        for n in range(REGISTERS):
            begun, value = time.monotonic(), -1 - n
            answer = await http.post("/fhir/Observation", json=weight(book.patient, f"r{value}", value))
            assert answer.status_code == 201, answer.text
            register = answer.json()["id"]
            book.registers.append(register)
            book.seen.append(Seen(register, "write", begun, time.monotonic(), 1, value))


class Client:
    """One client: keeps on writing until told to stop, and keeps book of the answers."""

    def __init__(self, number: int, at: Running, who: tuple[str, str], book: Book) -> None:
        self.number, self.at, self.book = number, at, book
        self.patient, self.token = who
        self.draw = random.Random(number)
        self.mine: list[str] = []
        self.last: dict[str, int] = {}
        self.count = 0
        self.stopping = False

    async def run(self) -> None:
        """Writes; a lost connection or a refusal for the moment is waited out."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.at.url, headers=headers, timeout=30, verify=False) as http:
            while not self.stopping:
                self.count += 1
                begun = time.monotonic()
                try:
                    await self._write(http)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                took = time.monotonic() - begun
                self.book.slowest = max(self.book.slowest, took)

    async def _write(self, http: httpx.AsyncClient) -> None:
        if not self.mine:
            await self._create(http)
            return
        acts = (self._create, self._update, self._transact, self._read, self._set, self._set_both, self._only)
        act = self.draw.choices(acts, weights=(4, 3, 3, 4, 4, 2, 2))[0]
        await act(http)

    async def _create(self, http: httpx.AsyncClient) -> None:
        mark = f"c{self.number}-{self.count}"
        answer = await http.post("/fhir/Observation", json=weight(self.patient, mark, 1))
        if self._fine(answer, 201):
            logical = answer.json()["id"]
            self.book.created[mark] = logical
            self.book.versions[logical] = 1
            self.mine.append(logical)

    async def _update(self, http: httpx.AsyncClient) -> None:
        logical = self.draw.choice(self.mine)
        value = self.count + 1
        body = {**weight(self.patient, f"u{self.number}-{self.count}", value), "id": logical}
        answer = await http.put(f"/fhir/Observation/{logical}", json=body)
        if self._fine(answer, 200):
            version = int(answer.json()["meta"]["versionId"])
            self.book.versions[logical] = max(version, self.book.versions[logical])
            self.book.values[logical, version] = value

    async def _transact(self, http: httpx.AsyncClient) -> None:
        token = f"t{self.number}-{self.count}"
        entries = [
            {
                "resource": weight(self.patient, f"{token}-{n}", n),
                "request": {"method": "POST", "url": "Observation"},
            }
            for n in range(TOGETHER)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        if self._fine(await http.post("/fhir", json=bundle), 200):
            self.book.whole.add(token)

    # -- the registers that all clients share ---------------------------------------------------------

    async def _read(self, http: httpx.AsyncClient) -> None:
        register = self.draw.choice(self.book.registers)
        begun = time.monotonic()
        answer = await http.get(f"/fhir/Observation/{register}")
        if self._fine(answer, 200):
            version, value = _told(answer.json())
            self.book.seen.append(Seen(register, "read", begun, time.monotonic(), version, value))
            self.last[register] = version

    async def _set(self, http: httpx.AsyncClient) -> None:
        """Writes a register, half the time on condition that nobody has meanwhile."""
        register, value = self.draw.choice(self.book.registers), self._value()
        expected = self.last.get(register, 0) if self.draw.random() < 0.5 else 0
        headers = {"If-Match": f'W/"{expected}"'} if expected else {}
        body = {**weight(self.book.patient, f"r{value}", value), "id": register}
        one = Seen(register, "write", time.monotonic(), FOREVER, 0, value, expected)
        place = self._noted(one)
        answer = await http.put(f"/fhir/Observation/{register}", json=body, headers=headers)
        ended = time.monotonic()
        if answer.status_code in (409, 412):
            self.book.answers[answer.status_code] += 1
            self.book.seen[place] = replace(one, ended=ended, refused=True)
        elif self._fine(answer, 200):
            version, _ = _told(answer.json())
            self.book.seen[place] = replace(one, ended=ended, version=version)
            self.last[register] = version

    async def _set_both(self, http: httpx.AsyncClient) -> None:
        """Writes two registers in one transaction."""
        both, value = self.draw.sample(self.book.registers, 2), self._value()
        self.book.pairs.append((both[0], both[1], value))
        entries = [
            {
                "resource": {**weight(self.book.patient, f"r{value}", value), "id": register},
                "request": {"method": "PUT", "url": f"Observation/{register}"},
            }
            for register in both
        ]
        begun = time.monotonic()
        ones = [Seen(register, "write", begun, FOREVER, 0, value) for register in both]
        places = [self._noted(one) for one in ones]
        answer = await http.post(
            "/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries}
        )
        ended = time.monotonic()
        if answer.status_code == 409:
            self.book.answers[409] += 1
            for place, one in zip(places, ones, strict=True):
                self.book.seen[place] = replace(one, ended=ended, refused=True)
        elif self._fine(answer, 200):
            for place, one, entry in zip(places, ones, answer.json()["entry"], strict=True):
                version = int(entry["response"]["etag"].strip('W/"'))
                self.book.seen[place] = replace(one, ended=ended, version=version)

    async def _only(self, http: httpx.AsyncClient) -> None:
        """Creates what nobody has created yet; all clients try the same few."""
        mark = f"only-{len(self.book.created) // 10}"
        headers = {"If-None-Exist": f"identifier={MARK}|{mark}"}
        answer = await http.post(
            "/fhir/Observation", json=weight(self.book.patient, mark, 1), headers=headers
        )
        if self._fine(answer, 200 if answer.status_code == 200 else 201):
            self.book.only[mark].add(answer.json()["id"])

    def _value(self) -> int:
        return self.count * 100 + self.number

    def _noted(self, one: Seen) -> int:
        """Notes a write before it is sent: an answer may never come."""
        self.book.seen.append(one)
        return len(self.book.seen) - 1

    def _fine(self, answer: httpx.Response, expected: int) -> bool:
        self.book.answers[answer.status_code] += 1
        if answer.status_code == expected:
            return True
        if answer.status_code != 503 or answer.json()["issue"][0]["code"] != "transient":
            self.book.wrong.append(f"{answer.status_code} {answer.request.method} {answer.text[:600]}")
        return False
