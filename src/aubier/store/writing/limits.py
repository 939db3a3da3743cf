"""What scopes with a query let be written: a resource is within the limits before the write and after it."""

from __future__ import annotations

from collections.abc import Iterable

from aubier.ground.problem import Problem, not_found, problem
from aubier.search.sql import Args
from aubier.store.keys import family, type_numbers
from aubier.store.limits.constraints import met
from aubier.store.sight import Sight
from aubier.store.writing.step import Step
from aubier.store.writing.undertaking import Undertaking

_LETTERS = {"create": "c", "update": "u", "patch": "u", "delete": "d"}


async def refuse_outside(conn: Undertaking, sight: Sight, steps: Iterable[Step]) -> None:
    """Problem for the first of these steps whose resource, as it is now for this transaction, is outside.

    Forbidden; not-found where the scopes let nothing of the type be seen, as for what is not here. A step
    whose resource is not here is not asked.
    """
    assert sight.constraints is not None
    asked: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        letter, kind = _LETTERS[step.intent.op], step.intent.type
        if step.done is None and kind in sight.constraints.written[letter]:
            asked.setdefault((letter, kind), []).append(step)
    for (letter, kind), some in asked.items():
        args = Args([type_numbers()[kind], [step.id for step in some]])
        within = met(sight.constraints.keys, sight.constraints.written[letter][kind], "r", args, sight.now)
        rows = await conn.fetch(
            f"select m.id from id_map m join {family(kind)}res r on r.pat = m.pat and r.rid = m.rid"
            f" where m.type = $1 and m.id = any($2::text[]) and not ({within}) order by m.id limit 1",
            *args,
        )
        if rows:
            raise _outside(sight, f"{kind}/{rows[0]['id']}", kind, some[0].intent.op)


def _outside(sight: Sight, name: str, kind: str, op: str) -> Problem:
    if op != "create" and not sight.sees_type(kind):
        return not_found(name)
    shown = kind if op == "create" else name
    return problem(
        "forbidden",
        f"Your token lets you {op} some {kind} only, by a scope with a query: {shown} does not meet it, or"
        " would not any more",
        f"Votre jeton ne permet « {op} » que sur certaines ressources {kind}, par une portée avec une requête"
        f" : {shown} n'y répond pas, ou n'y répondrait plus",
        at="http.Authorization",
    )
