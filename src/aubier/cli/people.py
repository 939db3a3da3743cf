"""Accounts, tokens and applications, from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from aubier.cli.instance import console, opened
from aubier.cli.speech import say, text
from aubier.ground.problem import problem
from aubier.referentials.signon import api as signon
from aubier.settings import Settings


async def accounts(settings: Settings, as_json: bool) -> None:
    """Prints who can log in, as a table or as a JSON array of objects."""
    async with opened(settings) as house:
        found = await signon.list_accounts(console(house))
    if as_json:
        names = ("login", "kind", "name", "reference", "national_id", "organization", "story")
        rows = [{n: getattr(a, n) for n in names} | {"about": text(a.about_fr, a.about_en)} for a in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max((len(a.login) for a in found), default=5)
    for account in found:
        about = text(account.about_fr, account.about_en)
        click.echo(f"{account.login:<{width}}  {account.kind:<12}  {account.name}. {about}")


async def token(settings: Settings, login: str, scope: str) -> None:
    """Prints a bearer token for a person of the sandbox, alone on the last line."""
    async with opened(settings) as house:
        made = await signon.issue_token(console(house), login, scope)
    click.echo(made)


async def client_add(
    settings: Settings,
    name: str,
    redirects: Sequence[str],
    *,
    confidential: bool = False,
    first_party: bool = False,
    door: str = "",
    scope: str = "",
    keys: Path | None = None,
) -> None:
    """Registers an application and prints what it needs; with `door`, its key there.

    `keys`: a file with its public keys. Problem (value) when what it holds is no JWK Set.
    """
    jwks = _key_set(keys) if keys else None
    async with opened(settings) as house:
        _check_door(door, {d.door.name for d in house.server.doors if d.door.key})
        client = await signon.add_client(
            console(house),
            name,
            redirects,
            confidential=confidential,
            jwks=jwks,
            scope=scope,
            first_party=first_party,
        )
        key = await signon.add_door_key(console(house), client.id, door) if door else ""
    say(f"Application enregistrée : {name}", f"Registered: {name}")
    if client.first_party:
        say(
            "La plateforme en répond : personne n'est consulté avant qu'elle agisse.",
            "The platform answers for it: nobody is asked before it acts.",
        )
    if not (redirects or scope or door):
        say(
            "Sans --redirect elle ne fait entrer personne ; retirez-la et recommencez s'il le faut.",
            "Without --redirect it signs nobody in; remove it and begin again if it should.",
        )
    click.echo(f"client_id {client.id}")
    if client.secret:
        say("Gardez ce secret, il n'est montré qu'une fois :", "Keep this secret, it is shown once:")
        click.echo(f"client_secret {client.secret}")
    if key:
        say("Gardez cette clé, elle n'est montrée qu'une fois :", "Keep this key, it is shown once:")
        click.echo(f"door_key {key}")


def _key_set(file: Path) -> dict[str, Any]:
    """The JWK Set that a file holds; what is none is left to `add_client` to refuse."""
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def _check_door(door: str, keyed: set[str]) -> None:
    """Problem (value) unless `door` is empty or names an API that takes keys."""
    if door and door not in keyed:
        listed = ", ".join(sorted(keyed))
        raise problem(
            "value", f"--door is one of {listed}, not {door[:40]}", f"--door vaut {listed}, pas {door[:40]}"
        )


async def client_list(settings: Settings) -> None:
    """Prints the applications."""
    async with opened(settings) as house:
        for client in await signon.list_clients(console(house)):
            ours = text(" (la plateforme en répond)", " (the platform answers for it)")
            name = client.name + (ours if client.first_party else "")
            click.echo(f"{client.id}  {name}  {' '.join(client.redirects)}".rstrip())


async def client_remove(settings: Settings, client_id: str) -> None:
    """Removes an application. Problem `not-found` when none has this id."""
    async with opened(settings) as house:
        gone = await signon.remove_client(console(house), client_id)
    if not gone:
        raise problem(
            "not-found",
            "No application has this id; aubier client list tells those there are",
            "Aucune application ne porte cet identifiant ; aubier client list dit lesquelles il y a",
        )
    say("Application retirée.", "Removed.")
