"""The import of an extraction: two passes, bounded memory, and a checkpoint that makes it go on after a stop.

First pass: every line is read and judged; lines of one professional go to one of 64 files, the first line of
each structure to another. Second pass: structures, then professionals file by file, are built and written;
after each step the checkpoint is renewed. A stop costs the current step at most, and as every write is an
upsert under an id made of the national identifier, what is there at the end is the same.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol
from zlib import crc32

from aubier.ground.memory import remembered
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.referentials.directory import resources, rules
from aubier.referentials.directory.extraction.extract import (
    KINDS,
    Activity,
    BadLine,
    Degree,
    Header,
    Kind,
    Row,
    Skill,
    lines_of,
    open_extract,
    read_header,
)

BUCKETS = 64
BATCH = 1_000
"""Resources handed to one `bulk` call at most."""
TOGETHER = 3
"""Bulk calls under way at a time: one is made while another is copied, a third is ready when it ends."""
STEP = 5_000
"""Lines between two signs of progress."""
KEPT = 200
"""Bad lines kept word for word in the report; all are counted."""

_FORM = 2
"""Of the files of an import under way: those of another form are not taken up."""
_TAGS: dict[bytes, type[Activity] | type[Skill] | type[Degree]] = {b"A": Activity, b"S": Skill, b"D": Degree}
_TAG_OF = dict(zip(KINDS, _TAGS, strict=True))
_IDNPS = 2
"""The place of the IDNPS in every row."""


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What came of one bulk call: resources written, and those that were the same already."""

    written: int
    unchanged: int = 0


class Bulk(Protocol):
    """What the import needs of the store: an upsert of directory resources by their ids."""

    def bulk(self, resources: Iterable[Resource]) -> Coroutine[Any, Any, BulkReport]:
        """Creates or replaces every resource under its own `id`; all of the call or nothing of it."""
        ...


@dataclass(slots=True)
class Report:
    """What an import did. `lines` are data lines read, `bad` those left out, `examples` the first of them."""

    lines: int = 0
    bad: int = 0
    warnings: int = 0
    organizations: int = 0
    practitioners: int = 0
    roles: int = 0
    examples: list[BadLine] = field(default_factory=list)

    def count(self, written: Iterable[Resource]) -> None:
        """Counts resources that are written."""
        kinds = Counter(resource["resourceType"] for resource in written)
        self.organizations += kinds["Organization"]
        self.practitioners += kinds["Practitioner"]
        self.roles += kinds["PractitionerRole"]

    def leave_out(self, line: BadLine) -> None:
        """Counts a bad line and keeps the first ones."""
        self.bad += 1
        if len(self.examples) < KEPT:
            self.examples.append(line)


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life: `stage` is reading, organizations or practitioners; `done` of `total` (0 when unknown).

    `done` and `total` are lines while reading, then bytes of structures, then files of professionals.
    """

    stage: str
    done: int
    total: int
    report: Report


async def load(
    source: Path,
    store: Bulk,
    work: Path,
    *,
    policy: rules.Policy = "strict",
    progress: Callable[[Progress], None] = lambda sign: None,
) -> Report:
    """Imports an extract (folder, ZIP or the activity file alone) into the directory; gives what was done.

    `work` is a folder of ours: it keeps the checkpoint and, while it lasts, about the size of the files.
    Called again after a stop with the same source, policy and folder, it goes on. Problem `not-found` or
    `structure` when the source is no extract. Under the strict policy a line with a false identifier is left
    out; under the other it is taken and counted in `warnings`.
    """
    spool = _Spool(work, f"{_fingerprint(source)} {policy} {_FORM}")
    if not spool.open():
        with ExitStack() as opened:
            for done in spool.fill(open_extract(source, opened), policy):
                progress(Progress("reading", done, 0, spool.report))
                await asyncio.sleep(0)
    await _load_organizations(spool, store, progress)
    await _load_practitioners(spool, store, progress)
    report = spool.report
    spool.clear()
    return report


def _fingerprint(source: Path) -> str:
    """Names, sizes and edges of the files: enough to tell whether it is still the same extract."""
    files = [source] if source.is_file() else sorted(source.glob("PS_LibreAcces_*.txt"))
    digest = sha256()
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as stream:
            edge = stream.read(65_536)
            stream.seek(max(0, size - 65_536))
            digest.update(f"{file.name} {size} ".encode() + edge + stream.read())
    if not files:
        raise problem(
            "not-found", f"{source.name} is not an extract", f"{source.name} n'est pas une extraction"
        )
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one bulk call writes, and how far the import is once this and all before it are written."""

    resources: list[Resource]
    offset: int
    bucket: int


async def _load_organizations(spool: _Spool, store: Bulk, progress: Callable[[Progress], None]) -> None:
    total = spool.structures.stat().st_size

    def written(batch: _Batch) -> None:
        spool.reach(batch)
        progress(Progress("organizations", spool.offset, total, spool.report))

    with spool.structures.open("rb") as stream:
        stream.seek(spool.offset)
        await _write(store, _organizations(stream, spool.bucket), written)


def _organizations(stream: IO[bytes], bucket: int) -> Iterator[_Batch]:
    while lines := list(islice(iter(stream.readline, b""), BATCH)):
        built = (resources.organization(Activity._make(_cells(line))) for line in lines)
        yield _Batch([organization for organization in built if organization], stream.tell(), bucket)


async def _load_practitioners(spool: _Spool, store: Bulk, progress: Callable[[Progress], None]) -> None:
    def written(batch: _Batch) -> None:
        if spool.reach(batch):
            progress(Progress("practitioners", spool.bucket, BUCKETS, spool.report))

    await _write(store, _practitioners(spool), written)


def _practitioners(spool: _Spool) -> Iterator[_Batch]:
    for bucket in range(spool.bucket, BUCKETS):
        built, more = spool.people(bucket), True
        while more:
            batch = list(islice(built, BATCH))
            more = len(batch) == BATCH
            yield _Batch(batch, spool.offset, bucket if more else bucket + 1)


async def _write(store: Bulk, batches: Iterator[_Batch], written: Callable[[_Batch], None]) -> None:
    """Writes batches, some calls at a time; `written` hears of each, in their order."""
    calls: deque[tuple[_Batch, asyncio.Task[BulkReport]]] = deque()

    async def end_first() -> None:
        batch, call = calls.popleft()
        await call
        written(batch)

    try:
        for batch in batches:
            if len(calls) == TOGETHER:
                await end_first()
            calls.append((batch, asyncio.create_task(store.bulk(batch.resources))))
            await asyncio.sleep(0)
        while calls:
            await end_first()
    finally:
        # After a failure nothing of ours may still be writing when the caller hears of it.
        await asyncio.gather(*(call for _, call in calls), return_exceptions=True)


class _Spool:
    """The files of an import under way, and its checkpoint."""

    def __init__(self, folder: Path, source: str) -> None:
        self.folder, self.source = folder, source
        self.structures = folder / "structures.lines"
        self.report, self.offset, self.bucket = Report(), 0, 0

    # -- the checkpoint -----------------------------------------------------------------------------

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.json"

    def open(self) -> bool:
        """Whether the first pass of this very source was done; makes an empty folder otherwise."""
        try:
            kept = json.loads(self._checkpoint.read_bytes())
        except (OSError, ValueError):
            kept = {}
        if kept.get("source") != self.source:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            return False
        examples = [BadLine(*line) for line in kept["report"].pop("examples")]
        self.report = Report(**kept["report"], examples=examples)
        self.offset, self.bucket = kept["offset"], kept["bucket"]
        return True

    def save(self) -> None:
        """Renews the checkpoint: the old one stays whole until the new one is."""
        report: dict[str, Any] = {name: getattr(self.report, name) for name in Report.__slots__}
        report["examples"] = [[b.kind, b.number, b.reason, b.fr] for b in self.report.examples]
        kept = {"source": self.source, "offset": self.offset, "bucket": self.bucket, "report": report}
        fresh = self.folder / "checkpoint.new"
        fresh.write_text(json.dumps(kept))
        fresh.replace(self._checkpoint)

    def reach(self, batch: _Batch) -> bool:
        """Counts a batch that is written; whether it ends a step, then the checkpoint is renewed."""
        self.report.count(batch.resources)
        if (batch.offset, batch.bucket) == (self.offset, self.bucket):
            return False
        self.offset, self.bucket = batch.offset, batch.bucket
        self.save()
        return True

    def clear(self) -> None:
        """Removes the folder at the end."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the first pass -----------------------------------------------------------------------------

    def fill(self, files: dict[Kind, IO[bytes]], policy: rules.Policy) -> Iterator[int]:
        """Reads every line into its file; gives the number of lines read now and then."""
        with ExitStack() as opened:
            buckets = [opened.enter_context(self._bucket(n).open("wb", 1 << 15)) for n in range(BUCKETS)]
            structures = opened.enter_context(self.structures.open("wb"))
            seen: set[int] = set()
            for kind in KINDS:
                if kind not in files:
                    continue
                lines = lines_of(files[kind])
                head = read_header(next(lines, b""), kind)
                for number, line in enumerate(lines, start=2):
                    row = self._judged(head, number, line, policy)
                    if row is not None:
                        kept = _line(row)
                        buckets[crc32(row.idnps.encode()) % BUCKETS].write(_TAG_OF[kind] + kept)
                        if isinstance(row, Activity) and _is_new(resources.structure_key(row), seen):
                            # The first line of the file that names a structure says what it is.
                            structures.write(kept)
                    if number % STEP == 0:
                        yield self.report.lines
        self.save()
        yield self.report.lines

    def _judged(self, head: Header, number: int, line: bytes, policy: rules.Policy) -> Row | None:
        if not line.strip():
            return None
        self.report.lines += 1
        try:
            row = head.row(line)
        except ValueError as wrong:
            self.report.leave_out(BadLine(head.kind, number, *wrong.args))
            return None
        reason = fault(row)
        if reason is None:
            return row
        if policy == "warn" and not reason[2]:
            self.report.warnings += 1
            return row
        self.report.leave_out(BadLine(head.kind, number, reason[0], reason[1]))
        return None

    def _bucket(self, number: int) -> Path:
        return self.folder / f"people-{number:02d}.lines"

    # -- the second pass ----------------------------------------------------------------------------

    def people(self, bucket: int) -> Iterator[Resource]:
        """The resources of the professionals of one file, each with its roles."""
        people: dict[bytes, list[bytes]] = {}
        with self._bucket(bucket).open("rb") as stream:
            for line in stream:
                people.setdefault(line.split(b"|", 3)[_IDNPS], []).append(line)
        for lines in people.values():
            rows = [_TAGS[line[:1]]._make(_cells(line[1:])) for line in lines]
            activities = [row for row in rows if isinstance(row, Activity)]
            skills = [row for row in rows if isinstance(row, Skill)]
            degrees = [row for row in rows if isinstance(row, Degree)]
            yield resources.practitioner(activities, skills, degrees)
            yield from resources.roles(activities)


def _line(row: Row) -> bytes:
    """A row that was judged right as it waits for the second pass: what we read of its line, nothing else."""
    return "|".join(row).encode() + b"\n"


def _cells(line: bytes) -> list[str]:
    return line[:-1].decode().split("|")


def _is_new(structure: str, seen: set[int]) -> bool:
    mark = int.from_bytes(sha256(structure.encode()).digest()[:8], "big")
    if not structure or mark in seen:
        return False
    seen.add(mark)
    return True


def fault(row: Row) -> tuple[str, str, bool] | None:
    """What is wrong with the identifiers of a line: in English, in French, and whether it can never be taken.

    Rule: IDNPS = prefix + number; keys of RPPS, FINESS, SIREN, SIRET.
    """
    if not row.idnps or not row.family or not row.idnps.isascii():
        return "no national identifier or no name", "sans identifiant national ou sans nom", True
    if row.id_type and row.id_number and row.idnps != row.id_type + row.id_number:
        return "IDNPS is not type and number", "l'IDNPS n'est pas le type et le numéro", True
    if not rules.idnps_is_right(row.idnps):
        return "false IDNPS (prefix, shape or key)", "IDNPS faux (préfixe, forme ou clé)", False
    if isinstance(row, Activity):
        wrong = _structure_fault(row.finess, row.finess_legal, row.siret, row.siren)
        return (f"false {wrong}", f"{wrong} faux", False) if wrong else None
    return None


@remembered(2_000_000, lambda found, *numbers: sum(map(len, numbers)) + 500)
def _structure_fault(finess: str, legal: str, siret: str, siren: str) -> str:
    for name, value, right in (
        ("FINESS", finess, rules.is_finess),
        ("FINESS", legal, rules.is_finess),
        ("SIRET", siret, rules.is_siret),
        ("SIREN", siren, rules.is_siren),
    ):
        if value and not right(value):
            return name
    return ""
