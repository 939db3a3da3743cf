"""Long work that waits for nothing, in threads beside the loop that serves everybody.

One thread does what is long, one what is longer, so that the first never waits for the second; each takes
what came first. Python runs one thread at a time and changes every few ms: nothing is done sooner,
everybody is served meanwhile. What is one call of a library in C it does not interrupt.

What may go aside: a function that is given all it needs (bytes, parsed JSON, rows) and gives a value or
raises. It may use the definitions of FHIR, compiled expressions and patterns, checkers, extractors,
registries of search parameters, keyed hashes, the packing of the store: what they fill on the way
(`lru_cache`, `cached_property`, dicts whose values are put there finished, `ground.memory`) several threads
may fill at once.
What may not: a connection, a view or a context, anything of asyncio; context variables, which stay with the
task; zstd objects of another thread; what others change meanwhile. Whoever gives a resource away leaves it
alone until the answer, and after a cancellation for good: the thread reads on.

A request that is cancelled takes back what has not begun; what has begun ends, also when the process shall.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import json

from aubier.ground.rows import Resource

T = TypeVar("T")

LONG = 100_000
"""Bytes of JSON or XML from which on what is done with them, some 5 ms and more, is done aside."""
LONGER = 2_000_000
"""Bytes from which on it is done by the second thread: half a second and more."""


@lru_cache(maxsize=1)
def _lanes(process: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """The threads of a process: one that is forked has none of its parent's."""
    return ThreadPoolExecutor(1, "aside-long"), ThreadPoolExecutor(1, "aside-longer")


_encode = json.Encoder().encode


async def by_size(size: int, work: Callable[..., T], *given: Any) -> T:
    """What `work` gives or raises: at once where what is `given` has fewer than `LONG` bytes, else aside."""
    if size < LONG:
        return work(*given)
    lane = _lanes(os.getpid())[size >= LONGER]
    return await asyncio.get_running_loop().run_in_executor(lane, work, *given)


async def by_length(work: Callable[[Resource], T], resource: Resource) -> T:
    """The same of a resource whose size is not known: to write it, which tells, takes 2 µs of a short one."""
    return await by_size(size_of(resource), work, resource)


def size_of(resource: Resource) -> int:
    """Bytes of a resource as JSON."""
    return len(_encode(resource))
