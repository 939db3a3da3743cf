"""How much work a call does: counted where Python does it, timed where libraries do."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from aubier.access import scopes
from aubier.fhir import fhirpath
from aubier.fhir.fhirpath.grammar import parser
from aubier.fhir.fhirpath.patterns import machine
from aubier.fhir.ucum import reader
from aubier.rest import exchange
from aubier.rest.formats import negotiation
from aubier.terminology.meaning import regex
from aubier.validation.walks.slices import discriminate

_REMEMBER = (
    *(fhirpath._KEPT.clear, parser.parse.cache_clear, machine.pattern.cache_clear),
    *(negotiation._best.cache_clear, exchange._decoded.cache_clear, discriminate.steps.cache_clear),
    *(reader._read.cache_clear, regex._machine.cache_clear, scopes._parsed.cache_clear),
)


def forget() -> None:
    """Empties what readers remember of inputs they saw: a second time would cost nothing."""
    for forgets in _REMEMBER:
        forgets()


def lines(call: Callable[[], object]) -> int:
    """Lines of Python run by `call`, turns of loops on one line and calls of library functions included.

    The same for the same call on any machine, however busy.
    """
    counted = [0]

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        counted[0] += 1
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        counted[0] += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    forget()
    gc.disable()  # what it runs when it finds something is no work of the call
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
        gc.enable()
    return counted[0]


def seconds(call: Callable[[], object]) -> float:
    """Processor time of `call` in this thread: what others do meanwhile does not count."""
    forget()
    gc.disable()  # it looks at all that ever was made, not at what this call makes
    begun = time.thread_time()
    try:
        call()
    finally:
        spent = time.thread_time() - begun
        gc.enable()
    return spent
