"""Topics: what one can subscribe to by its canonical. Those of this room, and those of the operator's folder.

Written as the SubscriptionTopic of FHIR R5, which R4 has no resource for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from aubier.fhir.fhirpath import compile
from aubier.ground.problem import Problem, problem
from aubier.services.subscriptions.asking.triggers import NAMES, Trigger

_MOST = 500
_OPS = ("create", "update", "delete")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its canonical, its triggers, and by type the parameters that one may filter by."""

    url: str
    version: str
    title: str
    description: str
    triggers: tuple[Trigger, ...]
    filters: tuple[tuple[str, str], ...]

    def filter_names(self, kind: str) -> tuple[str, ...]:
        """The parameters by which its notifications of a type may be filtered."""
        return tuple(name for type_, name in self.filters if type_ in (kind, ""))


@lru_cache(maxsize=4)
def topics(folder: str = "") -> dict[str, Topic]:
    """The topics by canonical; `folder` holds more of them, as SubscriptionTopic JSON files.

    Problem naming the file that cannot be one, or that gives a canonical a second time.
    """
    found: dict[str, Topic] = {}
    for name, text in _texts(folder):
        topic = _topic(name, text)
        if topic.url in found:
            raise _bad(name, f"{topic.url} is there twice", f"{topic.url} y est deux fois")
        found[topic.url] = topic
    return found


def find_topic(canonical: str, folder: str) -> Topic | None:
    """The topic of a canonical, `|version` allowed; None when there is none."""
    url, _, version = canonical.partition("|")
    topic = topics(folder).get(url)
    return topic if topic and version in ("", topic.version) else None


def _texts(folder: str) -> Iterator[tuple[str, str]]:
    shipped = files("aubier.services.subscriptions").joinpath("topics")
    for place in sorted(shipped.iterdir(), key=lambda p: p.name):
        if place.name.endswith(".json"):
            yield place.name, place.read_text("utf-8")
    if folder:
        places = sorted(Path(folder).glob("*.json"))
        if not Path(folder).is_dir() or len(places) > _MOST:
            raise _bad(
                folder, f"not a folder of at most {_MOST} topics", f"pas un dossier d'au plus {_MOST} sujets"
            )
        for path in places:
            yield path.name, path.read_text("utf-8")


def _topic(name: str, text: str) -> Topic:
    try:
        row = json.loads(text)
        if row["resourceType"] != "SubscriptionTopic" or "://" not in row["url"]:
            raise ValueError
        triggers = tuple(_trigger(t) for t in row["resourceTrigger"])
        filters = tuple(
            (_type(f.get("resource", "")), _text(f, "filterParameter")) for f in row.get("canFilterBy", ())
        )
        if not triggers:
            raise ValueError
        version, title, about = (str(row.get(k, "")) for k in ("version", "title", "description"))
        return Topic(row["url"], version, title, about, triggers, filters)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(
            name,
            "not a SubscriptionTopic of R5 with a url and resource triggers",
            "pas un SubscriptionTopic de R5 avec une url et des déclencheurs",
        ) from error
    except Problem as refusal:
        raise _bad(name, str(refusal), refusal.issues[0].said("fr")) from refusal


def _trigger(row: dict[str, Any]) -> Trigger:
    query, path = row.get("queryCriteria", {}), _text(row, "fhirPathCriteria")
    kind, ops = _type(row["resource"]), tuple(row.get("supportedInteraction", _OPS))
    if not kind or not set(ops) <= set(_OPS):
        raise ValueError
    if path:
        compile(path, kind, constants=NAMES)
    return Trigger(
        kind,
        ops,
        current=_text(query, "current"),
        previous=_text(query, "previous"),
        both=bool(query.get("requireBoth", False)),
        on_create=query.get("resultForCreate", "test-passes") == "test-passes",
        on_delete=query.get("resultForDelete", "test-passes") == "test-passes",
        fhirpath=path,
    )


def _text(row: dict[str, Any], name: str) -> str:
    """A text of a row, empty when it is not there; TypeError for anything else."""
    value = row.get(name, "")
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _type(name: str) -> str:
    """A type's name, of the name itself or the URL of its definition."""
    return name.removeprefix("http://hl7.org/fhir/StructureDefinition/")


def _bad(name: str, english: str, french: str) -> Problem:
    return problem(
        "value", f"Topic {name}: {english}", f"Sujet {name} : {french}", at="AUBIER_SUBSCRIPTION_TOPICS"
    )
