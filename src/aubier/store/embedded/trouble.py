"""What can go wrong with a data folder, said in one plain sentence."""

from __future__ import annotations

import errno
from pathlib import Path

from aubier.ground.problem import Problem, problem

_FULL = ("No space left on device", "Disk quota exceeded")
_GRAVE = ("FATAL:", "ERROR:", "PANIC:", "LOG:  invalid", "LOG:  syntax error", "error:")


def plainly(error: OSError, place: Path) -> Problem:
    """The Problem that says what the system refused at `place`: disk full, rights, or its own words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(place)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return no_right(Path(str(error.filename or place)))
    return problem(
        "exception",
        f"the data folder {place} cannot be used: {error.strerror or error}",
        f"le dossier de données {place} est inutilisable : {error.strerror or error}",
    )


def disk_full(place: Path) -> Problem:
    """Problem `exception`: no room left."""
    return problem(
        "exception",
        f"the disk that holds {place} is full; free some space and start again",
        f"le disque qui porte {place} est plein ; libérez de la place et recommencez",
    )


def no_right(place: Path) -> Problem:
    """Problem `exception`: the folder belongs to somebody else or is read-only."""
    return problem(
        "exception",
        f"no right to write in {place}; use the account that owns it, or another data folder",
        f"pas le droit d'écrire dans {place} ; prenez le compte qui le possède, ou un autre dossier",
    )


def no_folder(place: Path) -> Problem:
    """Problem `exception`: there is a file where a folder should be."""
    return problem(
        "exception",
        f"{place} is a file, not a folder; choose another data folder with --data",
        f"{place} est un fichier, pas un dossier ; choisissez un autre dossier de données avec --data",
    )


def other_account(data: Path, owner: str) -> Problem:
    """Problem `exception`: the account `owner` began the folder, and PostgreSQL runs for its owner only."""
    return problem(
        "exception",
        f"the data folder {data} was begun by the account {owner}; use that account, or another data folder",
        f"le dossier de données {data} a été commencé par le compte {owner} ; prenez ce compte, "
        "ou un autre dossier",
    )


def in_use(data: Path, holder: str) -> Problem:
    """Problem `lock-error`: another process serves this data folder; `holder` is its number or empty."""
    who, qui = (f" (process {holder})", f" (processus {holder})") if holder else ("", "")
    return problem(
        "lock-error",
        f"the data folder {data} is already open by another Aubier{who}; stop it or choose another folder",
        f"le dossier de données {data} est déjà ouvert par un autre Aubier{qui} ; "
        "arrêtez-le ou choisissez un autre dossier",
    )


def other_major(data: Path, found: str, wanted: int) -> Problem:
    """Problem `not-supported`: the data folder was written by another major version of PostgreSQL."""
    if found.isdecimal() and int(found) > wanted:
        return _newer_major(data, found, wanted)
    return problem(
        "not-supported",
        f"the data folder {data} was written by PostgreSQL {found}, this release runs PostgreSQL {wanted}; "
        "make a backup with the release that wrote it, then restore it with this one",
        f"le dossier de données {data} a été écrit par PostgreSQL {found} et cette version lance "
        f"PostgreSQL {wanted} ; faites une sauvegarde avec la version qui l'a écrit, puis restaurez-la "
        "avec celle-ci",
    )


def _newer_major(data: Path, found: str, wanted: int) -> Problem:
    return problem(
        "not-supported",
        f"the data folder {data} was written by PostgreSQL {found}, this release runs PostgreSQL {wanted}; "
        "start it with the release of Aubier that wrote it, or a later one",
        f"le dossier de données {data} a été écrit par PostgreSQL {found} et cette version lance "
        f"PostgreSQL {wanted} ; démarrez-le avec la version d'Aubier qui l'a écrit, ou une suivante",
    )


def said(words: str, data: Path) -> Problem:
    """The Problem for what PostgreSQL or initdb printed before it gave up."""
    if any(sign in words for sign in _FULL):
        return disk_full(data)
    lines = [line for line in words.splitlines() if any(sign in line for sign in _GRAVE)]
    lines = lines or words.strip().splitlines()
    last = "; ".join(line.split(":  ", 1)[-1].strip() for line in lines[-2:]) or "no reason given"
    return problem(
        "exception",
        f"PostgreSQL did not start on {data}: {last}; its log is in {data / 'log'}",
        f"PostgreSQL n'a pas démarré sur {data} : {last} ; son journal est dans {data / 'log'}",
    )
