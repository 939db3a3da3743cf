"""Contents: encrypted, whole, per patient, erasable."""

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.store.contents.binaries import CHUNK, Binaries, master_key

MASTER = bytes(range(32))


@pytest.fixture
def binaries(tmp_path: Path) -> Binaries:
    return Binaries(tmp_path / "contents", MASTER)


def files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file())


def objects(root: Path) -> list[Path]:
    return [p for p in files(root) if p.name != "key"]


@pytest.mark.parametrize("size", [0, 1, 11, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
async def test_a_content_comes_back_whole_at_every_chunk_edge(binaries: Binaries, size: int) -> None:
    content = os.urandom(size)
    stored = await binaries.put(7, content)
    assert (stored.size, stored.digest) == (size, hashlib.sha256(content).hexdigest())
    assert await binaries.get(7, stored.name) == content


@given(pieces=st.lists(st.binary(max_size=64), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stream_and_its_bytes_are_one_content(tmp_path: Path, pieces: list[bytes]) -> None:
    async def both() -> None:
        async def stream() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        binaries = Binaries(tmp_path / "contents", MASTER)
        streamed = await binaries.put(1, stream())
        assert streamed == await binaries.put(1, b"".join(pieces))
        assert await binaries.get(1, streamed.name) == b"".join(pieces)

    asyncio.run(both())


async def test_a_large_stream_stays_in_bounded_memory(binaries: Binaries) -> None:
    piece = os.urandom(CHUNK)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield piece

    tracemalloc.start()
    try:
        stored = await binaries.put(1, stream())
        size = 0
        async for part in binaries.stream(1, stored.name):
            size += len(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == stored.size == 60 * CHUNK
    assert peak < 20 * CHUNK


async def test_the_disk_tells_neither_content_nor_digest_nor_patient(
    binaries: Binaries, tmp_path: Path
) -> None:
    stored = await binaries.put(123456, b"Compte rendu de Mme Kermarec")
    for file in files(tmp_path):
        data = file.read_bytes()
        assert b"Kermarec" not in data
        assert stored.digest not in str(file) and "123456" not in str(file.relative_to(tmp_path))


async def test_the_same_content_of_two_patients_looks_different(binaries: Binaries, tmp_path: Path) -> None:
    await binaries.put(1, b"same")
    await binaries.put(2, b"same")
    one, other = objects(tmp_path)
    assert one.name != other.name
    assert one.read_bytes() != other.read_bytes()


async def test_a_content_of_another_patient_is_not_found(binaries: Binaries) -> None:
    stored = await binaries.put(1, b"mine")
    await binaries.put(2, b"yours")
    with pytest.raises(Problem) as refused:
        await binaries.get(2, stored.name)
    assert refused.value.kind == "not-found"


@pytest.mark.parametrize("place", [0, 10, 40, -1])
async def test_a_changed_byte_is_noticed(binaries: Binaries, tmp_path: Path, place: int) -> None:
    stored = await binaries.put(1, b"the true content")
    (file,) = objects(tmp_path)
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(Problem) as refused:
        await binaries.get(1, stored.name)
    assert refused.value.kind == "exception"


@pytest.mark.parametrize("kept", [0, 36, 36 + CHUNK + 16, 36 + 2 * (CHUNK + 16)])
async def test_a_content_cut_at_a_chunk_edge_is_noticed(
    binaries: Binaries, tmp_path: Path, kept: int
) -> None:
    stored = await binaries.put(1, os.urandom(2 * CHUNK + 100))
    (file,) = objects(tmp_path)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(Problem, match="damaged"):
        await binaries.get(1, stored.name)


async def test_an_object_put_under_another_name_is_noticed(binaries: Binaries, tmp_path: Path) -> None:
    first, second = await binaries.put(1, b"first"), await binaries.put(1, b"second")
    one, other = (next(p for p in objects(tmp_path) if p.name == d.name) for d in (first, second))
    other.write_bytes(one.read_bytes())
    with pytest.raises(Problem, match="damaged"):
        await binaries.get(1, second.name)


async def test_an_object_of_another_compartment_does_not_open(binaries: Binaries, tmp_path: Path) -> None:
    mine, _ = await binaries.put(1, b"same"), await binaries.put(2, b"same")
    names = [binaries.name(n, mine.digest) for n in (1, 2)]
    one, other = (next(p for p in objects(tmp_path) if p.name == name) for name in names)
    other.write_bytes(one.read_bytes())
    with pytest.raises(Problem, match="damaged"):
        await binaries.get(2, names[1])


async def test_erasing_destroys_the_key_first_and_everything(binaries: Binaries, tmp_path: Path) -> None:
    stored = await binaries.put(1, b"one")
    await binaries.put(1, b"two")
    kept = await binaries.put(2, b"other patient")
    (saved,) = [p for p in objects(tmp_path) if p.name == stored.name]
    backup = saved.read_bytes()
    assert await binaries.erase(1) == 2
    assert await binaries.list(1) == []
    assert await binaries.get(2, kept.name) == b"other patient"
    await binaries.put(1, b"a new record")
    saved.write_bytes(backup)  # a content restored from a backup without its key is noise
    with pytest.raises(Problem, match="damaged"):
        await binaries.get(1, stored.name)


async def test_another_master_key_opens_nothing(binaries: Binaries, tmp_path: Path) -> None:
    stored = await binaries.put(1, b"secret")
    with pytest.raises(Problem) as refused:
        await Binaries(tmp_path / "contents", bytes(32)).get(1, stored.name)
    assert refused.value.kind == "not-found"


async def test_putting_twice_writes_once(binaries: Binaries, tmp_path: Path) -> None:
    first = await binaries.put(1, b"again")
    before = objects(tmp_path)[0].stat().st_mtime_ns
    assert await binaries.put(1, b"again") == first
    assert [p.stat().st_mtime_ns for p in objects(tmp_path)] == [before]


async def test_first_writers_together_agree_on_one_key(tmp_path: Path) -> None:
    contents = [f"content {n}".encode() for n in range(12)]
    writers = [Binaries(tmp_path / "contents", MASTER) for _ in contents]
    stored = await asyncio.gather(*(w.put(9, c) for w, c in zip(writers, contents, strict=True)))
    reader = Binaries(tmp_path / "contents", MASTER)
    assert [await reader.get(9, s.name) for s in stored] == contents


async def test_a_failed_stream_leaves_nothing(binaries: Binaries, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await binaries.put(1, broken())
    assert objects(tmp_path) == []


async def test_delete_exists_and_list(binaries: Binaries) -> None:
    first, second = await binaries.put(1, b"one"), await binaries.put(1, b"two")
    assert {k.name for k in await binaries.list(1)} == {s.name for s in (first, second)}
    await binaries.delete(1, first.name)
    await binaries.delete(1, first.name)
    assert (await binaries.exists(1, first.name), await binaries.exists(1, second.name)) == (False, True)
    assert await binaries.exists(3, second.name) is False


async def test_any_object_store_by_its_url() -> None:
    binaries = Binaries("memory:///", MASTER)
    stored = await binaries.put(1, b"in memory")
    assert await binaries.get(1, stored.name) == b"in memory"
    assert await binaries.erase(1) == 1


@pytest.mark.parametrize("name", ["", "key", "../key", "new-" + "0" * 32, "/" * 64, "." * 64])
async def test_a_name_that_is_none_is_not_found(binaries: Binaries, name: str) -> None:
    await binaries.put("0b9f", b"content")
    with pytest.raises(Problem) as refused:
        await binaries.get("0b9f", name)
    assert refused.value.kind == "not-found"


def test_the_master_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = master_key(path)
    assert len(key) == 32 and master_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Problem, match="owner only"):
        master_key(path)


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: master_key(path), range(16)))
    assert len(keys) == 1
    assert [p.name for p in path.parent.iterdir()] == ["master.key"]


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text("c2hvcnQ=")
    path.chmod(0o600)
    with pytest.raises(Problem, match="256-bit"):
        master_key(path)
