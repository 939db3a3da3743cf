"""`aubier tour`: the hospital-discharge story over HTTP, step by step."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import click

from aubier.cli.instance import console, opened
from aubier.cli.speech import say, text
from aubier.fhir import json as fhir_json
from aubier.ground.chance import random_ids
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.signon import api as signon
from aubier.sandbox.tour import STEPS, Step, facts
from aubier.settings import Settings

_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Resource


async def play(settings: Settings, url: str | None) -> int:
    """Plays every step with its actor's token and prints what each did. Gives 1 at the first wrong answer."""
    base = (url or settings.url).rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise problem(
            "value",
            f"--url is an address such as {settings.url}, not {base[:80]}",
            f"--url est une adresse telle que {settings.url}, pas {base[:80]}",
        )
    async with opened(settings) as house:
        noted = json.loads(await house.store.note("territory") or "{}")
        if not noted.get("day"):
            raise problem(
                "not-found",
                "The tour needs the sandbox's people",
                "La visite a besoin des gens du bac à sable",
            )
        context = console(house)
        tokens = {
            login: await signon.issue_token(context, login) for login in dict.fromkeys(s.actor for s in STEPS)
        }
    known = facts(noted["seed"], date.fromisoformat(noted["day"]), random_ids)
    for number, step in enumerate(STEPS, 1):
        wrong = _take(base, tokens[step.actor], step, known, number)
        if wrong:
            say(f"     Arrêt : {wrong}", f"     Stopped: {wrong}")
            return 1
    say(f"Les {len(STEPS)} étapes ont répondu comme il faut.", f"All {len(STEPS)} steps answered right.")
    return 0


def _take(base: str, token: str, step: Step, known: dict[str, str], number: int) -> str:
    """Plays one step; gives what is wrong, or an empty text, and adds what it captured to `known`."""
    click.echo(f"{number:>3}. {step.actor} : {text(step.intention['fr'], step.intention['en'])}")
    path = step.path.format_map(known)
    answer = _ask(base + path, token, step.method, step.body(known))
    click.echo(f"     {step.method} {path[:100]}  {answer.status}")
    if answer.status not in step.statuses:
        due = " / ".join(map(str, step.statuses))
        return f"{answer.status}, {text(f'{due} attendu', f'{due} expected')}. {_told(answer.body)}"
    wrong = step.check(answer.body, known)
    if not wrong:
        known |= {name: take(answer.body) for name, take in step.capture.items()}
    return wrong


def _told(body: Mapping[str, Any]) -> str:
    return " ".join(str(i.get("diagnostics", "")) for i in body.get("issue", []))


def _ask(url: str, token: str, method: str, body: Resource | None) -> _Answer:
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/fhir+json",
        "Accept-Language": text("fr", "en"),
    }
    data = None
    if body is not None:
        data = fhir_json.dumps(body)
        headers["Content-Type"] = "application/fhir+json"
    asked = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer:
            return _Answer(answer.status, _parsed(answer.read()))
    except urllib.error.HTTPError as refusal:
        return _Answer(refusal.code, _parsed(refusal.read()))
    except OSError as error:
        raise problem(
            "transient",
            f"Nothing answers at {url.split('/fhir')[0]}; start it with: aubier up",
            f"Rien ne répond à {url.split('/fhir')[0]} ; démarrez-le : aubier up",
        ) from error


def _parsed(data: bytes) -> Resource:
    try:
        return fhir_json.parse(data) if data else {}
    except Problem:
        return {}
