"""One request to an endpoint that somebody else named, and the status of its answer: no more is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aubier.ground.problem import Problem, problem
from aubier.rest.outgoing.connection import FAULTS, NotPermitted, Reach, asked


async def send(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, reach: Reach, within: float
) -> int:
    """Sends the request; the status of the answer.

    Problem `forbidden` when the name stands for an address that `reach` does not permit (all of them must
    be), `transient` when there is no answer within `within` seconds, or none that is HTTP.
    """
    try:
        async with asyncio.timeout(within):
            reply = await asked(method, url, headers, body, reach=reach)
    except NotPermitted as host:
        raise problem(
            "forbidden",
            f"{host} stands for an address that nothing is sent to",
            f"{host} désigne une adresse à laquelle rien n'est envoyé",
            at="Subscription.channel.endpoint",
        ) from None
    except TimeoutError:
        raise _silent("no answer in time", "pas de réponse à temps") from None
    except FAULTS as error:
        raise _silent(type(error).__name__, type(error).__name__) from error
    reply.close()
    return reply.status


def _silent(english: str, french: str) -> Problem:
    return problem(
        "transient",
        f"The endpoint did not answer: {english}",
        f"L'adresse n'a pas répondu : {french}",
        at="Subscription.channel.endpoint",
    )
