"""Which items of a form are enabled by the answers given."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import Environment, Tally, typed
from aubier.fhir.fhirpath.values.moments import compared, moment
from aubier.fhir.fhirpath.values.quantities import amount, order
from aubier.ground.problem import Problem
from aubier.validation.forms.form import SDC, Node, first, rows

Answer = tuple[str, Any]
"""The type of a value (`Coding`) and the value."""
Index = dict[str, list[Answer]]
Charge = Callable[[int], None]
"""Counts work; raises when there is too much."""

_SIGNS: dict[str, Callable[[int], bool]] = {
    ">": lambda n: n > 0,
    "<": lambda n: n < 0,
    ">=": lambda n: n >= 0,
    "<=": lambda n: n <= 0,
}


def value_of(row: Node, stem: str = "value") -> Answer | None:
    """The value of an answer, an option or a condition (`answerCoding`), with its type."""
    for key, value in row.items():
        if key.startswith(stem) and key != stem:
            kind = key[len(stem) :]
            return kind if kind in definitions().types else kind[:1].lower() + kind[1:], value
    return None


class Given:
    """The answers of a response, by linkId, for each item that holds some."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge
        self._kept: dict[int, Index] = {}

    def below(self, node: Node) -> Index:
        """The answers to each question at or below a node of the response."""
        if id(node) in self._kept:
            return self._kept[id(node)]
        found: Index = {}
        for item in rows(node, "item"):
            self._charge(1)
            mine = found.setdefault(str(item.get("linkId", "")), [])
            mine += (v for a in rows(item, "answer") if (v := value_of(a)) is not None)
            for inside in (item, *rows(item, "answer")):
                self._add(found, self.below(inside))
        self._kept[id(node)] = found
        return found

    def _add(self, found: Index, more: Index) -> None:
        for link, values in more.items():
            self._charge(1 + len(values))
            found.setdefault(link, []).extend(values)

    def nearest(self, above: tuple[Node, ...], link: str) -> list[Answer]:
        """The answers to a question in the innermost of these nodes that holds the question."""
        for node in reversed(above):
            self._charge(1)
            found = self.below(node).get(link)
            if found is not None:
                return found
        return []


def enabled(item: Node, above: tuple[Node, ...], given: Given, charge: Charge) -> bool:
    """Whether the conditions of an item hold, for an item that stands below these nodes of the response.

    Rule: FHIR R4 4.0.1, questionnaire.html: enableWhen, enableBehavior.
    """
    conditions = rows(item, "enableWhen")
    if not conditions:
        return True
    each = (_holds(c, given.nearest(above, str(c.get("question", ""))), charge) for c in conditions)
    return all(each) if item.get("enableBehavior") == "all" else any(each)


EXPRESSION = f"{SDC}enableWhenExpression"


def by_expression(item: Node, response: Node, tally: Tally) -> bool | None:
    """What the expression of an item says of whether it is enabled; None where it cannot be told here.

    Told are FHIRPath expressions that begin with `%resource`, the response: what others begin with depends on
    the place of an item that may not be there. Rule: structured data capture, enableWhenExpression.
    """
    wanted = first(item, EXPRESSION)
    text = str(wanted.get("expression", "")) if isinstance(wanted, dict) else ""
    plain = isinstance(wanted, dict) and wanted.get("language") == "text/fhirpath"
    if not plain or "%resource" not in text or "%context" in text or tally.left < 0:
        return None
    try:
        found = typed(text, "QuestionnaireResponse")(response, Environment(resource=response, tally=tally))
    except (Problem, ArithmeticError, ValueError, RecursionError):
        return None
    verdict = found[0][0] if len(found) == 1 else None
    return verdict if isinstance(verdict, bool) else None


def _holds(condition: Node, answers: list[Answer], charge: Charge) -> bool:
    """Whether a condition holds. Rule: FHIR R4 4.0.1, codesystem-questionnaire-enable-operator.html."""
    charge(len(answers))
    sign, wanted = str(condition.get("operator", "")), value_of(condition, "answer")
    if wanted is None:
        return True
    if sign == "exists":
        return bool(answers) is (wanted[1] is True)
    if sign == "=":
        return any(same(a, wanted) for a in answers)
    if sign == "!=":  # no answer is that one: so it is before anything was answered
        return not any(same(a, wanted) for a in answers)
    return any((n := ordered(a, wanted)) is not None and _SIGNS[sign](n) for a in answers if sign in _SIGNS)


def same(left: Answer, right: Answer) -> bool:
    """Whether two values are the same: codings by system and code, references by their text."""
    (kind, one), (other, two) = left, right
    if kind == other == "Coding" and isinstance(one, dict) and isinstance(two, dict):
        apart = one.get("system") != two.get("system") and "system" in one and "system" in two
        return one.get("code") == two.get("code") and not apart
    if kind == other == "Reference" and isinstance(one, dict) and isinstance(two, dict):
        return one.get("reference") == two.get("reference")
    found = ordered(left, right)
    return found == 0 if found is not None else kind == other and bool(one == two)


def ordered(left: Answer, right: Answer) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared."""
    (kind, one), (other, two) = left, right
    if kind == other == "Quantity":
        measured, edge = amount(one), amount(two)
        return order(measured, edge) if measured and edge else None
    if all(v.__class__ in (int, Decimal) for v in (one, two)):
        return int(one > two) - int(one < two)
    if {kind, other} <= {"date", "dateTime", "time"} and isinstance(one, str) and isinstance(two, str):
        begin, end = moment(one), moment(two)
        return compared(begin, end) if begin and end and begin.clock == end.clock else None
    return None
