"""A package as a stream: its manifest, its resources one after the other. Bounded in bytes and members."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Kind, Problem, problem
from aubier.ground.rows import Resource

_FOLDER = "package/"
_ABOUT_OTHERS = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)
"""Types of members that only say something of those that follow."""
_LONGEST_HEADER = 1 << 16
_MANIFEST = "package/package.json"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a package may hold: `total` unpacked bytes, `members`, and `member` bytes for each of them."""

    total: int = 4 << 30
    members: int = 200_000
    member: int = fhir_json.LIMITS.size


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `package.json` says. `dependencies` are names of packages with the versions wanted."""

    name: str
    version: str
    canonical: str = ""
    title: str = ""
    fhir_versions: tuple[str, ...] = ()
    dependencies: Mapping[str, str] = field(default_factory=dict)


def manifest(stream: BinaryIO, bounds: Bounds = BOUNDS) -> Manifest:
    """The manifest of a package, read up to it. Problem: no package, damaged, or beyond the bounds."""
    for path, data in _members(stream, bounds):
        if path == _MANIFEST:
            return _manifest(fhir_json.parse(data))
    raise _refusal(
        "structure",
        "This archive holds no package/package.json: it is not a FHIR package",
        "Cette archive n'a pas de package/package.json : ce n'est pas un paquet FHIR",
    )


def resources(stream: BinaryIO, bounds: Bounds = BOUNDS) -> Iterator[tuple[str, Resource | Problem]]:
    """(path, resource or what is wrong with it) of every resource of the folder `package`, in their order.

    Examples, tests and other folders of the package are left out, as are its own indexes. Problem when the
    archive itself is damaged, leads outside of itself, or goes beyond the bounds.
    """
    for path, data in _members(stream, bounds):
        name = path.removeprefix(_FOLDER)
        if name == path or "/" in name or name.startswith(".") or not name.endswith(".json"):
            continue
        try:
            found = fhir_json.parse(data)
        except Problem as refusal:
            yield path, refusal
            continue
        if "resourceType" in found:
            yield path, found


class _Member(tarfile.TarInfo):
    """A member whose name, or what else is said of it, is not so long that reading it would be the attack."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # The entry point that the standard library names for subclasses: what is not a file is read whole.
        if self.type in _ABOUT_OTHERS and self.size > _LONGEST_HEADER:
            raise _too_large()
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class _Counted:
    """A stream that ends with a Problem when it gives more bytes than allowed."""

    def __init__(self, inner: Any, most: int) -> None:
        self._inner, self._left = inner, most

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        data: bytes = self._inner.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large()
        return data


def _members(stream: BinaryIO, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """(path, content) of the plain files of the archive."""
    try:
        with gzip.GzipFile(fileobj=stream) as plain:
            counted: Any = _Counted(plain, bounds.total)
            with tarfile.open(fileobj=counted, mode="r|", tarinfo=_Member) as archive:
                for count, member in enumerate(archive, 1):
                    if count > bounds.members or member.size > bounds.member:
                        raise _too_large()
                    path = _checked(member)
                    if member.isfile():
                        opened = archive.extractfile(member)
                        yield path, opened.read() if opened else b""
                    archive.members = []  # type: ignore[attr-defined]  # it would keep them all
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _refusal(
            "structure",
            f"This is not a whole .tgz archive ({type(error).__name__}): fetch it again",
            f"Ce n'est pas une archive .tgz entière ({type(error).__name__}) : procurez-vous-la à nouveau",
        ) from None


def _checked(member: tarfile.TarInfo) -> str:
    """The path of a member. Problem for what would lead outside of the archive."""
    path = member.name.removeprefix("./")
    if (
        path.startswith("/")
        or "\\" in path
        or ".." in path.split("/")
        or not (member.isfile() or member.isdir())
    ):
        raise _refusal(
            "invalid",
            f"{member.name[:120]} in this archive leads outside of it, or is no plain file: refused whole",
            f"{member.name[:120]} mène hors de l'archive, ou n'est pas un simple fichier : refusée en entier",
        )
    return path


def _manifest(found: Resource) -> Manifest:
    name, version = found.get("name"), found.get("version")
    if not (isinstance(name, str) and isinstance(version, str) and name and version):
        raise _refusal(
            "required",
            "package.json must have a name and a version",
            "package.json doit avoir un nom (name) et une version",
        )
    needs = found.get("dependencies")
    versions = found.get("fhirVersions") or found.get("fhir-version-list")
    return Manifest(
        name,
        version,
        str(found.get("canonical", "")),
        str(found.get("title", "")),
        tuple(map(str, versions)) if isinstance(versions, list) else (),
        {str(k): str(v) for k, v in needs.items()} if isinstance(needs, dict) else {},
    )


def _too_large() -> Problem:
    return _refusal(
        "too-costly",
        "This package is larger than what is read here: split it, or load its files by folder",
        "Ce paquet dépasse ce qui se lit ici : divisez-le, ou chargez ses fichiers par dossier",
    )


def _refusal(kind: Kind, text: str, fr: str) -> Problem:
    return problem(kind, text, fr, rule="FHIR NPM packages")
