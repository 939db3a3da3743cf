"""`aubier check audit`: whether the audit lines are what they were when they were sealed."""

from __future__ import annotations

from aubier.app import audit_key
from aubier.cli.instance import opened
from aubier.cli.speech import Progress, counted, say
from aubier.ground.clock import milliseconds, system_clock
from aubier.settings import Settings
from aubier.store.proof.sealing import check, seal

_MOST_TOLD = 20
_SAID = {
    "missing": "manque",
    "added": "ajoutée",
    "changed": "modifiée",
    "missing before": "précédé d'un manque",
}


async def audit(settings: Settings, first: int) -> int:
    """Seals what can be, then compares from the seal of number `first` on; gives 1 when something differs.

    Tells how far it is, and at the end the last seal: whoever takes away the last ones is found by comparing
    it with an earlier check. Problem as `sealing.check`.
    """
    shown, lines, last, faults, ends = Progress(), 0, first - 1, 0, "-"

    def told(number: int, held: int, seal: bytes) -> None:
        nonlocal lines, last, ends
        lines, last, ends = lines + held, number, seal.hex()
        shown(
            lines,
            f"ligne(s) vérifiée(s) ; la suite : --from {last + 1}",
            f"line(s) checked; go on: --from {last + 1}",
        )

    async with opened(settings) as house:
        pool, key = house.store.pool, audit_key(settings)
        await seal(pool, key, milliseconds(system_clock()))
        async for fault in check(pool, key, first, told):
            faults += 1
            if faults <= _MOST_TOLD:
                fr = f"ligne {fault.line} " if fault.line else ""
                en = f"line {fault.line} " if fault.line else ""
                say(f"  sceau {fault.seal} : {fr}{_SAID[fault.how]}", f"  seal {fault.seal}: {en}{fault.how}")
    shown.end()
    checked = counted(lines, "ligne(s) vérifiée(s)", "line(s) checked")
    found = counted(faults, "anomalie(s)", "fault(s)")
    say(
        f"{checked}, {found} ; dernier sceau {last} : {ends}",
        f"{checked}, {found}; last seal {last}: {ends}",
    )
    return 1 if faults else 0
