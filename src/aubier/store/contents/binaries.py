"""Document contents, encrypted per patient, on disk or on S3-compatible storage.

Each compartment has a random data key, wrapped by the operator's master key and kept beside its
contents as a small object, so that one copy of the folder is one whole backup (with the master key
kept elsewhere). Erasing a compartment destroys its key first: what a backup still holds is noise.

An object is a header (magic, salt) and chunks of AES-256-GCM under a key of its own, derived from the
data key and the salt. Each nonce tells the chunk's rank and whether it is the last, and the name is
checked against the digest of what was read: nothing can be cut, reordered or put under another name.
Names are keyed hashes: a stolen disk tells neither whose record nor which content.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import LocalStore, from_url

from aubier.ground.problem import Problem, not_found, problem

CHUNK = 1 << 20
"""Clear bytes of one encrypted chunk: what a reader or writer holds in memory at a time."""
_MAGIC = b"AUB1"
_SALT = 32
_HEADER = len(_MAGIC) + _SALT
_SEALED = CHUNK + 16
_KEY = 32

Random = Callable[[int], bytes]
Owner = int | str
"""A compartment: its number, or the logical id of its Patient."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A content as stored: its `name` (64 hexadecimal digits), SHA-256 `digest`, `size` in bytes."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An object of a compartment: its name, its stored size in bytes; `new-...` is one being written."""

    name: str
    size: int


def master_key(path: Path, random: Random = secrets.token_bytes) -> bytes:
    """The operator's 32-byte master key, read from `path`; made there, mode 0600, the first time.

    Errors: Problem `exception` when the file is readable by others or holds no key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_key(path, random)
    return _read_key(path)


def check_key(contents: Path, key: Path) -> None:
    """Problem `not-found` when documents are kept in `contents` and the key that opens them is gone.

    To be asked before `master_key`, which would make another: what is written under it hides that the first
    is missing.
    """
    if key.exists() or not contents.exists() or not any(p.is_file() for p in contents.rglob("*")):
        return
    raise problem(
        "not-found",
        f"The key of the documents, {key}, is missing: put it back from a backup. If there is none, the"
        f" documents are lost: move {contents} away to go on without them",
        f"La clé des documents, {key}, a disparu : remettez-la depuis une sauvegarde. S'il n'y en a pas, les"
        f" documents sont perdus : déplacez {contents} pour continuer sans eux",
    )


def _make_key(path: Path, random: Random) -> None:
    """Writes the key aside, then gives it its name: of several processes that start, one wins, whole."""
    aside = path.with_name(f"{path.name}.{random(8).hex()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(random(_KEY)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    _sync(path.parent, path.name, True)


def _read_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise problem(
            "exception",
            f"The key file {path.name} must be readable by its owner only (chmod 600)",
            f"Le fichier de clé {path.name} ne doit être lisible que de son propriétaire (chmod 600)",
        )
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise problem(
            "exception",
            f"{path.name} holds no 256-bit key",
            f"{path.name} ne contient pas de clé de 256 bits",
        )
    return key


def _derive(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    return HKDF(hashes.SHA256(), _KEY, salt or None, b"aubier binaries 1 " + purpose).derive(key)


def _nonce(rank: int, last: bool) -> bytes:
    return rank.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _damaged() -> Problem:
    return problem(
        "exception",
        "A stored content is damaged or is not what its name says",
        "Un contenu stocké est abîmé ou n'est pas celui que dit son nom",
    )


async def _chunks(content: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The content in pieces of CHUNK bytes, the last one shorter (empty when need be)."""
    if isinstance(content, bytes):
        for start in range(0, len(content) + 1, CHUNK):
            yield content[start : start + CHUNK]
        return
    pending = bytearray()
    async for piece in content:
        pending += piece
        while len(pending) >= CHUNK:
            yield bytes(pending[:CHUNK])
            del pending[:CHUNK]
    yield bytes(pending)


class Binaries:
    """Contents by (compartment, name). Safe for several processes on one place.

    A compartment is named by its number or by its Patient's logical id, always the same way. The name of a
    content is a keyed hash of compartment and digest: nobody can guess it, even one who has the content.

    `where` is a folder, or the URL of an S3-compatible bucket (`s3://bucket/prefix`, credentials from
    the environment). `master` is 32 bytes (see `master_key`). A content already there is not written twice.
    """

    def __init__(self, where: str | Path, master: bytes, random: Random = secrets.token_bytes) -> None:
        self._root: Path | None = None
        if isinstance(where, str) and "://" in where and not where.startswith("file://"):
            self._store: Any = from_url(where)
        else:
            self._root = Path(str(where).removeprefix("file://"))
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        self._random = random
        self._names = _derive(master, b"names")
        self._wrap = AESGCM(_derive(master, b"wrap"))

    def name(self, pat: Owner, digest: str) -> str:
        """The name of the content of that SHA-256 digest in that compartment."""
        return self._mac(f"{pat}:{digest}")

    def _mac(self, text: str) -> str:
        return hmac.new(self._names, text.encode(), hashlib.sha256).hexdigest()

    def _folder(self, pat: Owner) -> str:
        mac = self._mac(f"pat:{pat}")
        return f"{mac[:2]}/{mac}"

    def _path(self, pat: Owner, name: str) -> str:
        if len(name) != 64 or not name.isalnum():
            raise not_found("The content", "Le contenu")
        return f"{self._folder(pat)}/{name}"

    async def _data_key(self, pat: Owner, create: bool) -> bytes:
        """The compartment's own key, unwrapped; made when missing and asked for."""
        path, bound = f"{self._folder(pat)}/key", f"pat:{pat}".encode()
        try:
            wrapped = bytes(await (await obstore.get_async(self._store, path)).bytes_async())
        except (NotFoundError, FileNotFoundError):
            if not create:
                raise not_found("The content", "Le contenu") from None
            return await self._new_key(pat, path, bound)
        try:
            return self._wrap.decrypt(wrapped[:12], wrapped[12:], bound)
        except InvalidTag:
            raise _damaged() from None

    async def _new_key(self, pat: Owner, path: str, bound: bytes) -> bytes:
        key, nonce = self._random(_KEY), self._random(12)
        sealed = nonce + self._wrap.encrypt(nonce, key, bound)
        try:
            await obstore.put_async(self._store, path, sealed, mode="create")
        except AlreadyExistsError:  # another writer was first: its key is the one
            return await self._data_key(pat, create=False)
        await self._settle(path, written=True)
        return key

    async def _settle(self, path: str, *, written: bool = False) -> None:
        """Makes a name (and a file just written) survive a power cut; remote stores do by themselves."""
        if self._root is not None:
            await asyncio.to_thread(_sync, self._root, path, written)

    async def put(self, pat: Owner, content: bytes | AsyncIterable[bytes]) -> Stored:
        """Stores a content and tells its name, digest and size; on return it is durable.

        An async iterable is encrypted as it comes, in bounded memory, under a temporary name first.
        """
        key = await self._data_key(pat, create=True)
        if isinstance(content, bytes):
            digest = hashlib.sha256(content).hexdigest()
            name = self.name(pat, digest)
            if await self.exists(pat, name):
                return Stored(name, digest, len(content))
        sealing = _Sealing(key, pat, self._random(_SALT))
        temporary = f"{self._folder(pat)}/new-{self._random(16).hex()}"
        try:
            pieces = sealing.seal(_chunks(content))
            await obstore.put_async(self._store, temporary, pieces, max_concurrency=2)
            await self._settle(temporary, written=True)
            name = self.name(pat, sealing.digest)
            path = self._path(pat, name)
            await obstore.rename_async(self._store, temporary, path)
        except BaseException:
            await self._remove(temporary)
            raise
        await self._settle(path)
        return Stored(name, sealing.digest, sealing.size)

    async def stream(self, pat: Owner, name: str) -> AsyncIterator[bytes]:
        """The content piece by piece, each authenticated before it is given; memory stays bounded.

        Errors: Problem `not-found`; `exception` when it is damaged (for the whole, known at the last piece).
        """
        key = await self._data_key(pat, create=False)
        try:
            got = await obstore.get_async(self._store, self._path(pat, name))
        except (NotFoundError, FileNotFoundError):
            raise not_found("The content", "Le contenu") from None
        opening = _Opening(key, pat)
        async for piece in opening.open(got.stream(min_chunk_size=_SEALED)):
            yield piece
        if not hmac.compare_digest(self.name(pat, opening.digest), name):
            raise _damaged()

    async def get(self, pat: Owner, name: str) -> bytes:
        """The whole content, checked. Errors: as `stream`."""
        return b"".join([piece async for piece in self.stream(pat, name)])

    async def exists(self, pat: Owner, name: str) -> bool:
        """True when the content is there (its bytes are checked on read, not here)."""
        try:
            await obstore.head_async(self._store, self._path(pat, name))
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def delete(self, pat: Owner, name: str) -> None:
        """Removes a content; nothing when it is not there."""
        await self._remove(self._path(pat, name))

    async def _remove(self, path: str) -> None:
        try:
            await obstore.delete_async(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return

    async def list(self, pat: Owner) -> list[Kept]:
        """What a compartment holds, sorted by name: to find what no resource names any more."""
        found = [k async for k in self._objects(pat) if k.name != "key"]
        return sorted(found, key=lambda k: k.name)

    async def _objects(self, pat: Owner) -> AsyncIterator[Kept]:
        async for batch in obstore.list(self._store, prefix=self._folder(pat)):
            for item in batch:
                yield Kept(str(item["path"]).rpartition("/")[2], int(item["size"]))

    async def erase(self, pat: Owner) -> int:
        """Destroys the compartment's key, then its contents; gives how many there were. For ever.

        Rule: GDPR art. 17; a versioned bucket must expire old versions for the key to be gone.
        """
        folder = self._folder(pat)
        await self._remove(f"{folder}/key")
        names = [k.name async for k in self._objects(pat)]
        for name in names:
            await self._remove(f"{folder}/{name}")
        return len(names)


def _sync(root: Path, path: str, written: bool) -> None:
    """fsync of the folders that name a file, after the file itself when it was just written."""
    target = root / path
    folders = (target.parent, target.parent.parent, root)
    for place in (target, *folders) if written else (target.parent,):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Sealing:
    """Encrypts a content as it passes; afterwards knows its digest and size."""

    def __init__(self, key: bytes, pat: Owner, salt: bytes) -> None:
        self._salt = salt
        self._cipher = AESGCM(_derive(key, b"object", salt))
        self._bound = f"pat:{pat}".encode()
        self._hash = hashlib.sha256()
        self.digest = ""
        self.size = 0

    async def seal(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The object's bytes: header, then each chunk sealed; the last is told apart by its nonce."""
        yield _MAGIC + self._salt
        rank, held = 0, b""
        async for chunk in chunks:
            if rank:
                yield self._cipher.encrypt(_nonce(rank, False), held, self._bound)
            held, rank = chunk, rank + 1
            self._hash.update(chunk)
            self.size += len(chunk)
        self.digest = self._hash.hexdigest()
        yield self._cipher.encrypt(_nonce(rank, True), held, self._bound)


async def _sealed(pieces: AsyncIterable[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Header first, then sealed chunks, each with whether it is the last, from pieces of any size."""
    pending, wanted = bytearray(), _HEADER
    async for piece in pieces:
        pending += bytes(piece)
        while len(pending) > wanted:
            yield bytes(pending[:wanted]), False
            del pending[:wanted]
            wanted = _SEALED
    yield bytes(pending), True


class _Opening:
    """Decrypts an object as it passes; afterwards knows the digest of the clear content."""

    def __init__(self, key: bytes, pat: Owner) -> None:
        self._key = key
        self._bound = f"pat:{pat}".encode()
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of what was given so far, in hexadecimal."""
        return self._hash.hexdigest()

    async def open(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The clear pieces, each checked before it is given."""
        cipher, rank = None, 0
        async for chunk, last in _sealed(pieces):
            if cipher is None:
                cipher = self._cipher(chunk, last)
                continue
            rank += 1
            try:
                yield self._clear(cipher, rank, last, chunk)
            except InvalidTag:
                raise _damaged() from None

    def _cipher(self, header: bytes, last: bool) -> AESGCM:
        if header[: len(_MAGIC)] != _MAGIC or last:
            raise _damaged()
        return AESGCM(_derive(self._key, b"object", header[len(_MAGIC) :]))

    def _clear(self, cipher: AESGCM, rank: int, last: bool, chunk: bytes) -> bytes:
        clear = cipher.decrypt(_nonce(rank, last), chunk, self._bound)
        self._hash.update(clear)
        return clear
