"""One request to an endpoint that somebody else named, and the status of its answer: no more is read."""

from __future__ import annotations

import asyncio
import socket
import ssl
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
        raise _silent(*_why(error)) from error
    reply.close()
    return reply.status


def _why(error: Exception) -> tuple[str, str]:
    """What an operator or subscriber can do something about, in both languages."""
    match error:
        case socket.gaierror():
            return "its name is not known", "son nom n'est pas connu"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted", "son certificat n'est pas reconnu"
        case ssl.SSLError():
            return "no TLS could be agreed on with it", "aucun accord de TLS avec elle"
        case ConnectionRefusedError():
            return "nothing listens there", "rien n'y écoute"
        case OSError():
            return "the connection was lost", "la connexion a été perdue"
    return "what came is no HTTP answer", "ce qui est venu n'est pas une réponse HTTP"


def _silent(english: str, french: str) -> Problem:
    return problem(
        "transient",
        f"The endpoint did not answer: {english}",
        f"L'adresse n'a pas répondu : {french}",
        at="Subscription.channel.endpoint",
    )
