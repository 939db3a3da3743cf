"""The one next step of the home page: what, why, and the three honest answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aubier.ground.rows import Resource
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.medicines import Medicine
from aubier.portals.reading.papers import Paper

TASK_SYSTEM = "urn:aubier:portal-task"
"""The code system of the Tasks that the portals write."""

ANSWERS = {"done": "completed", "no": "rejected"}
"""Answer of a form -> status of the Task that remembers it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One proposal. `task` is the id of the Task that proposes it, or empty when derived from the record."""

    key: str
    task: str
    title: str
    reason: str
    why: str
    do: str
    href: str


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What the next step is chosen from."""

    tasks: Sequence[Resource]
    medicines: Sequence[Medicine]
    papers: Sequence[Paper]
    open_rights: int


def next_step(facts: StepFacts, now: datetime, texts: Texts) -> Step | None:
    """The first step not answered yet: one asked by a caregiver, then one that the record shows."""
    answered = {code(t) for t in facts.tasks if t.get("status") in ("completed", "rejected", "cancelled")}
    asked = [_asked(t, texts) for t in facts.tasks if t.get("status") in ("requested", "ready", "received")]
    derived = [*_renewals(facts.medicines, texts), *_news(facts.papers, texts), *_nobody(facts, texts)]
    return next((s for s in [*[a for a in asked if a], *derived] if s.key not in answered), None)


def code(task: Resource) -> str:
    """The portal's code of a Task, or an empty string."""
    return next(
        (c.get("code", "") for c in task.get("code", {}).get("coding", []) if c.get("system") == TASK_SYSTEM),
        "",
    )


def _asked(task: Resource, texts: Texts) -> Step | None:
    proposed = task.get("intent") in ("proposal", "plan") and not code(task)
    if not proposed or not task.get("description"):
        return None
    who = task.get("requester", {}).get("display", "")
    note = next((str(n.get("text", "")) for n in task.get("note", [])), "")
    return Step(
        key=f"task-{task.get('id')}",
        task=str(task.get("id", "")),
        title=str(task["description"]),
        reason=str(task.get("reasonCode", {}).get("text", "")) or texts("step.asked.reason"),
        why=note or (texts("step.asked.why", who=who) if who else texts("step.asked.why_unknown")),
        do=texts("step.asked.do"),
        href="/citoyen/partage/chercher",
    )


def _renewals(medicines: Sequence[Medicine], texts: Texts) -> list[Step]:
    ending = [m for m in medicines if m.days is not None and 0 <= m.days <= 10]
    return [
        Step(
            key=f"renew-{m.id}",
            task="",
            title=texts("step.renew.title", name=m.name),
            reason=texts.many("step.renew.reason", m.days or 0),
            why=texts("step.renew.why"),
            do=texts("step.renew.do"),
            href="/citoyen/traitements",
        )
        for m in sorted(ending, key=lambda m: m.days or 0)
    ]


def _news(papers: Sequence[Paper], texts: Texts) -> list[Step]:
    return [
        Step(
            key=f"read-{p.id}",
            task="",
            title=texts("step.read.title", name=p.title),
            reason=texts("step.read.reason", source=p.source, day=p.day) if p.source else p.day,
            why=texts("step.read.why"),
            do=texts("step.read.do"),
            href=f"/citoyen/documents/{p.id}",
        )
        for p in papers
        if p.new and p.family in ("reports", "summaries")
    ][:1]


def _nobody(facts: StepFacts, texts: Texts) -> list[Step]:
    if facts.open_rights:
        return []
    said = {name: texts(f"step.share.{name}") for name in ("title", "reason", "why", "do")}
    return [Step(key="share", task="", href="/citoyen/partage", **said)]


def answer_task(key: str, answer: str, patient: str, now: str) -> Resource:
    """The Task that remembers an answer to a derived step: `answer` is `done` or `no`."""
    return {
        "resourceType": "Task",
        "status": ANSWERS[answer],
        "intent": "proposal",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": key}]},
        "for": {"reference": f"Patient/{patient}"},
        "requester": {"reference": f"Patient/{patient}"},
        "authoredOn": now,
        "lastModified": now,
    }


def complaint_task(about: str, code_: str, words: str, *, patient: str, now: str) -> Resource:
    """The Task that carries a complaint: `unknown-person` or `wrong-document`."""
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent" if code_ == "unknown-person" else "routine",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": code_}]},
        "focus": {"reference": about},
        "for": {"reference": f"Patient/{patient}"},
        "requester": {"reference": f"Patient/{patient}"},
        "authoredOn": now,
        "description": words or code_,
    }
