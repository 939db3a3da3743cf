"""Who can sign in: accounts of citizens, professionals and system users."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aubier.access.actor import Actor, Context
from aubier.access.scopes import FIRST_PARTY
from aubier.ground.problem import problem
from aubier.referentials.signon.people.passwords import new_password_hash

Kind = Literal["citizen", "professional", "system"]
KINDS: tuple[Kind, ...] = ("citizen", "professional", "system")
MAX_LOGIN = 128
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}", re.ASCII)
_SUBJECTS = uuid.UUID("8f6f3f0e-6a53-4d0a-9a35-0f9b5d2f6c11")
_PURPOSE = {"citizen": "PATRQT", "professional": "TREAT", "system": "HSYSADMIN"}


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who can sign in.

    `reference` is the FHIR reference (`Patient/..`, `Practitioner/..`); `national_id` the IDNPS (8 + RPPS),
    `profession` the TRE_G15 code, `organization` the IDNST (1 + FINESS). `story`, `about_fr`, `about_en` and
    `hint` introduce a person of the sandbox. `details` holds what userinfo adds (see `claims`). `subject` is
    the OpenID `sub`, given once and for all.
    """

    login: str
    kind: Kind
    name: str
    given: str = ""
    family: str = ""
    reference: str = ""
    national_id: str = ""
    profession: str = ""
    organization: str = ""
    organization_name: str = ""
    story: str = ""
    about_fr: str = ""
    about_en: str = ""
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""


_COLUMNS = tuple(name for name in Account.__slots__ if name not in ("details", "subject", "login"))


def normal_login(login: str) -> str:
    """A login as it is kept and compared: trimmed, lower case; empty when it cannot be one."""
    low = login.strip().lower() if len(login) <= MAX_LOGIN * 2 else ""
    return low if _LOGIN.fullmatch(low) else ""


def account_of(row: Mapping[str, Any]) -> Account:
    """The account in a row of `signon_account`."""
    plain = {name: row[name] for name in _COLUMNS}
    details = json.loads(row["details"])
    return Account(login=row["login"], subject=row["subject"], details=details, **plain)


async def add_account(ctx: Context, account: Account, *, password: str = "") -> Account:
    """Keeps an account, new or replaced (an empty password keeps the former one); gives it with its subject.

    Raises Problem `value` for a login that is not 1 to 128 of `a-z 0-9 . _ @ + -`, for a citizen without a
    Patient reference, for a professional without IDNPS, and for a password under 12 characters.
    """
    _check(account)
    login = normal_login(account.login)
    kept = await new_password_hash(ctx, password) if password else ""
    subject = account.subject or str(uuid.uuid5(_SUBJECTS, login))
    values = (getattr(account, name) for name in _COLUMNS[2:])
    rows = await ctx.store.run(
        "signon.put_account",
        *(login, account.kind, subject, account.name),
        *values,
        json.dumps(dict(account.details), ensure_ascii=False),
        kept,
    )
    return account_of(rows[0])


def _check(account: Account) -> None:
    if not normal_login(account.login):
        raise problem(
            "value",
            "A login has 1 to 128 of a to z, 0 to 9 and . _ @ + -, a letter or digit first",
            "Un identifiant a de 1 à 128 signes (a à z, 0 à 9, . _ @ + -), une lettre ou un chiffre d'abord",
            at="http.login",
        )
    if account.kind not in KINDS:
        listed = ", ".join(KINDS)
        raise problem(
            "value", f"An account is one of {listed}", f"Un compte est de type {listed}", at="http.kind"
        )
    if account.kind == "citizen" and not account.reference.startswith("Patient/"):
        raise problem(
            "value",
            "The account of a citizen names their Patient: give Patient/[id]",
            "Le compte d'un usager désigne son Patient : donnez Patient/[id]",
            at="http.reference",
        )
    if account.kind == "professional" and not account.national_id:
        raise problem(
            "value",
            "The account of a professional has a national identifier (IDNPS): give it",
            "Le compte d'un professionnel a un identifiant national (IDNPS) : donnez-le",
            at="http.national_id",
        )


async def find_account(ctx: Context, login: str) -> Account | None:
    """The account of a login, or None when there is none or it was closed."""
    row = await account_row(ctx, login)
    return account_of(row) if row else None


async def account_row(ctx: Context, login: str) -> Mapping[str, Any] | None:
    """The row of an active account, password hash included: for this room only."""
    known = normal_login(login)
    rows = await ctx.store.run("signon.account", known) if known else []
    return rows[0] if rows and rows[0]["active"] else None


async def list_accounts(
    ctx: Context, kinds: Iterable[str] = KINDS, *, introduced: bool = False, limit: int = 1000
) -> list[Account]:
    """Who can sign in, by kind, people of the stories first; at most `limit`.

    `introduced`: only those who have a story or a word about them, as the sandbox's login page lists them.
    """
    rows = await ctx.store.run("signon.accounts", list(kinds), introduced, limit)
    return [account_of(row) for row in rows]


async def close_account(ctx: Context, login: str) -> bool:
    """Ends an account, its sessions and its tokens at once; False when it was not there."""
    return bool(await ctx.store.run("signon.close_account", normal_login(login), ctx.now))


def actor_of(account: Account, *, client: str = "aubier", scopes: tuple[str, ...] | None = None) -> Actor:
    """The actor an account acts as: a portal's by default, an application's with its granted `scopes`."""
    return Actor(
        account.kind,
        account.login,
        account.name,
        keys=_keys(account),
        reference=account.reference,
        profession=account.profession,
        organization=account.organization,
        organization_name=account.organization_name,
        client=client,
        scopes=FIRST_PARTY[account.kind] if scopes is None else scopes,
        purpose=_PURPOSE[account.kind],
    )


def _keys(account: Account) -> tuple[str, ...]:
    if account.kind == "citizen":
        return (f"person:{account.reference.removeprefix('Patient/')}",)
    if account.kind == "system":
        return (f"system:{account.login}",)
    organization = (f"org:{account.organization}",) if account.organization else ()
    return (f"ps:{account.national_id}", *organization)
