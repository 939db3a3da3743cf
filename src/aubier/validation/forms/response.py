"""A response walked beside its form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir.fhirpath import Tally
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.validation.drafts import LIMIT
from aubier.validation.forms import words
from aubier.validation.forms.enabling import EXPRESSION, Given, by_expression, enabled, value_of
from aubier.validation.forms.form import CORE, Node, every, first, rows, told
from aubier.validation.forms.values import answer_faults, questions
from aubier.validation.profiles.items import root
from aubier.validation.profiles.questions import Question
from aubier.validation.telling import exhausted
from aubier.validation.walks.around.resolving import WORK
from aubier.validation.walks.walk import resources_in

MOST = 400_000
"""Steps of one check."""
_FINISHED = frozenset({"completed", "amended"})
"""Only what is finished must be whole."""


class _TooMuch(Exception):
    """The bound of work is reached."""


@dataclass(slots=True)
class Held:
    """What holding a response against its form gave."""

    issues: list[Issue] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def wanted_forms(resource: Resource) -> list[tuple[str, Resource]]:
    """The responses in a resource (itself, entries, contained) with their places."""
    found = resources_in(root(resource))
    return [(i.path, i.value) for i in found if i.type == "QuestionnaireResponse"]


def held(response: Resource, form: Resource, place: str = "QuestionnaireResponse") -> Held:
    """Everything wrong with a response as an answer to a Questionnaire."""
    walk = _Walk(form, place, finished=str(response.get("status", "")) in _FINISHED)
    try:
        walk.items(rows(form, "item"), response, f"{place}.item", (response,))
    except _TooMuch:
        walk.held.issues.append(exhausted())
    return walk.held


class _Walk:
    def __init__(self, form: Resource, place: str, *, finished: bool) -> None:
        self.held, self._left, self._finished = Held(), MOST, finished
        self._place, self._untold, self._tally = place, set[str](), Tally(WORK)
        self._known = {str(i.get("linkId", "")) for i in every(rows(form, "item"))}
        self._given = Given(self._charge)

    def _charge(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0 or len(self.held.issues) >= LIMIT:
            raise _TooMuch

    def _say(self, *issues: Issue) -> None:
        self.held.issues += issues

    def items(self, asked: list[Node], node: Node, place: str, above: tuple[Node, ...]) -> None:
        """The items below a node of the response, beside those that the form has there."""
        links = {str(i.get("linkId", "")) for i in asked}
        found: dict[str, list[tuple[str, Node]]] = {}
        for n, item in enumerate(rows(node, "item")):
            self._charge(1)
            link = str(item.get("linkId", ""))
            if link in links:
                found.setdefault(link, []).append((f"{place}[{n}]", item))
            else:
                self._say(words.unknown_link(f"{place}[{n}].linkId", link, elsewhere=link in self._known))
        for item in asked:
            self._charge(1)
            own = found.get(str(item.get("linkId", "")), [])
            verdict = self._enabled(item, above)
            if verdict is False:
                self._say(*(words.not_enabled(at, i) for at, i in own if _filled(i)))
                continue
            if verdict and self._finished and item.get("required") is True:
                self._must(item, own, place)
            self._item(item, own, above)

    def _enabled(self, item: Node, above: tuple[Node, ...]) -> bool | None:
        """Whether an item is enabled; None, and that is told, where its expression cannot be evaluated."""
        if first(item, EXPRESSION) is None:
            return enabled(item, above, self._given, self._charge)
        self._charge(1)
        verdict = by_expression(item, above[0], self._tally)
        if verdict is None and (link := str(item.get("linkId", ""))) not in self._untold:
            self._untold.add(link)
            self._say(words.untold_condition(self._place, link))
        return verdict

    def _must(self, item: Node, own: list[tuple[str, Node]], place: str) -> None:
        if not any(_filled(i) for _, i in own):
            at, link = own[0][0] if own else place, str(item.get("linkId", ""))
            self._say(words.missing_answer(at, link, group=item.get("type") == "group"))

    def _item(self, item: Node, own: list[tuple[str, Node]], above: tuple[Node, ...]) -> None:
        kind, link = str(item.get("type", "")), str(item.get("linkId", ""))
        if len(own) > 1 and (kind != "group" or item.get("repeats") is not True):
            self._say(words.once_only(own[1][0], link))
        for at, found in own:
            if kind in ("group", "display", "question"):
                self._say(*(words.no_answer_here(f"{at}.answer", kind) for _ in rows(found, "answer")[:1]))
            else:
                self._answers(item, found, at, above)
            if kind == "group":
                self.items(rows(item, "item"), found, f"{at}.item", (*above, found))
            elif rows(found, "item"):
                self._say(words.misplaced_items(f"{at}.item", link))

    def _answers(self, item: Node, found: Node, at: str, above: tuple[Node, ...]) -> None:
        answers = rows(found, "answer")
        self._say(*_counted(item, len(answers), at, finished=self._finished))
        for n, answer in enumerate(answers):
            here = f"{at}.answer[{n}]"
            given = value_of(answer)
            self._charge(1 + len(rows(item, "extension")))
            if given is not None:
                self._say(*answer_faults(item, given, f"{here}.value", self._charge))
                self.held.questions += questions(item, given, f"{here}.value")
            self.items(rows(item, "item"), answer, f"{here}.item", (*above, answer))
        if len(answers) > 1:
            self._say(*_exclusive(item, answers, at))


def _filled(item: Node) -> bool:
    """Whether anything is answered at an item or below it."""
    pending = [item]
    while pending:
        node = pending.pop()
        if any(value_of(a) is not None for a in rows(node, "answer")):
            return True
        pending += [*rows(node, "item"), *(i for a in rows(node, "answer") for i in rows(a, "item"))]
    return False


def _counted(item: Node, count: int, at: str, *, finished: bool) -> Iterator[Issue]:
    least, most = (first(item, f"{CORE}questionnaire-{n}Occurs") for n in ("min", "max"))
    if not isinstance(most, int) and item.get("repeats") is not True:
        most = 1
    if finished and isinstance(least, int) and count < least:
        yield words.too_few(at, count, least)
    if isinstance(most, int) and count > most:
        yield words.too_many(at, count, most)


def _exclusive(item: Node, answers: list[Node], at: str) -> Iterator[Issue]:
    """An option that excludes the others stands alone."""
    alone = [
        found
        for option in rows(item, "answerOption")
        if True in told(option, f"{CORE}questionnaire-optionExclusive") and (found := value_of(option))
    ]
    for n, answer in enumerate(answers):
        given: Any = value_of(answer)
        if given in alone:
            yield words.not_alone(f"{at}.answer[{n}]", given[1])
