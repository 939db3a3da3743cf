"""Where a definition is wrong, as a place in the definition itself: the row of its differential."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource

_ROWS = "StructureDefinition.differential.element"
_shortcut = re.compile(r"(\w+)\[x\]:(?=\1)")


class Placed(Problem):
    """A refusal whose places are those of the definition at fault: what rests on it adds nothing."""


def placed(refusal: Problem, definition: Resource, name: str = "") -> Placed:
    """The refusal with the rows of the differential where it had paths of elements.

    `name`: that of a definition on which another rests, which the text then tells.
    """
    rows = (definition.get("differential") or {}).get("element") or ()
    return Placed(tuple(_placed(issue, rows, name) for issue in refusal.issues))


def _placed(issue: Issue, rows: Sequence[Mapping[str, Any]], name: str) -> Issue:
    place = issue.at[0] if issue.at else ""
    if name:
        issue = replace(issue, text=f"In {name}: {issue.text}", fr=f"Dans {name} : {issue.fr}")
    forms = {place, _shortcut.sub("", place)}
    best, at = "", place
    for n, row in enumerate(rows):
        own = _own(row)
        for form in forms:
            if len(own) > len(best) and (form == own or form.startswith((f"{own}.", f"{own}:"))):
                rest = form.removeprefix(own).removeprefix(".")
                best, at = own, f"{_ROWS}[{n}]" + (f".{rest}" if rest in row else "")
    return replace(issue, at=(at,))


def _own(row: Mapping[str, Any]) -> str:
    """The id of a row; where it has none, its path and slice name."""
    name = row.get("sliceName")
    return str(row.get("id") or str(row.get("path")) + (f":{name}" if name else ""))
