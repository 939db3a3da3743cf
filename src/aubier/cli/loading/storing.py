"""A part read and stored, in whatever process."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from aubier.app import House
from aubier.cli.instance import console
from aubier.cli.loading.criteria import Criteria
from aubier.cli.loading.files import Document, Placed, names_criteria, resources
from aubier.cli.loading.parts import Outcome, Part, Touched, touched
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.store.bulk import BulkReport, load, load_each

_CHUNK = 1000


class Storing:
    """Reads a part, then stores it: two steps, so that parts that depend on each other keep their order.

    What has no id gets one of its place and of what it says: loaded again, it is the same. `beside`: other
    processes load at the same time.
    """

    def __init__(self, house: House, *, beside: bool) -> None:
        self._house, self._view, self._beside = house, console(house).store, beside
        self._criteria = Criteria(self._view, self._flush)
        self._read: list[tuple[Document, list[Placed]]] = []
        self._chunk: list[tuple[str, Resource]] = []
        self._patient = True
        self._outcome = Outcome()

    def read(self, part: Part) -> Touched:
        """Parses and checks a part; gives what it touches."""
        self._patient, self._outcome = part.patient, Outcome()
        self._read = [(document, resources(document)) for document in part.documents]
        rows = [row for _, placed in self._read for _, row in placed if not isinstance(row, Problem)]
        return touched(rows, patient=part.patient)

    async def store(self) -> Outcome:
        """Stores what was read; what is refused is left out and told. Problem (transient): no answer."""
        read, self._read = self._read, []
        for document, rows in read:
            if not document.lined or names_criteria(document.data, rows):
                rows, whole = await self._criteria.met(rows)
                if self._patient and not (whole or document.lined):
                    self._outcome.put_off.append(Path(document.place))
                    continue
            for place, row in rows:
                await self._take(place, row)
        await self._flush()
        return self._outcome

    async def _take(self, place: str, row: Resource | Problem) -> None:
        if isinstance(row, Problem):
            self._outcome.report.refused.append((place, row))
            return
        if "id" not in row:
            row["id"] = self._id(place, row)
        self._chunk.append((place, row))
        if len(self._chunk) >= _CHUNK:
            await self._flush()

    def _id(self, place: str, row: Resource) -> str:
        """An id made under the secret of the database: it tells nothing of what it is made of."""
        told = hashlib.sha512(os.path.abspath(place).encode() + b"\n" + fhir_json.dumps(row)).hexdigest()
        halves = (self._house.store.keys.term("loaded", half, told) for half in ("first", "second"))
        return str(uuid.UUID(bytes=b"".join(n.to_bytes(8, "big", signed=True) for n in halves), version=4))

    async def _flush(self) -> None:
        """Stores what was taken; when a content rule refuses something in it, without that."""
        chunk, self._chunk = self._chunk, []

        async def stored(rows: Sequence[Resource]) -> BulkReport:
            view = self._view
            return await load(
                self._house.store,
                view.sight,
                rows,
                view.prepare,
                prepare_many=view.prepare_many,
                beside=self._beside,
                apart=True,
            )

        self._outcome.report.add(await load_each(stored, chunk))
