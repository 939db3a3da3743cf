"""Who acts, and what a room's function is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from aubier.access.view import View

Kind = Literal["citizen", "professional", "system", "anonymous"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf something is read or written.

    `keys` are what grants are given to, exact strings: `person:<Patient id>` for a citizen,
    `ps:<IDNPS>` and `org:<IDNST>` for a professional, `system:<name>` for a named job or client.
    `reference` is the FHIR reference of the actor (`Patient/..`, `Practitioner/..`).
    `profession` is the TRE_G15 code, `organization` the IDNST of the place and `organization_name` its
    name. `scopes` are SMART 2 scopes. `client` is the OAuth client id.
    `grant` names what was granted to the application, where its token stands on that.
    `purpose` is a v3 PurposeOfUse code (TREAT, PATRQT, ETREAT, SYSADMIN...).
    """

    kind: Kind
    login: str
    name: str
    keys: tuple[str, ...] = ()
    reference: str = ""
    profession: str = ""
    organization: str = ""
    organization_name: str = ""
    client: str = ""
    scopes: tuple[str, ...] = ()
    purpose: str = ""
    grant: str = ""

    @property
    def patient(self) -> str:
        """The citizen's own Patient id, or an empty string."""
        return self.reference.removeprefix("Patient/") if self.kind == "citizen" else ""


ANONYMOUS = Actor("anonymous", "", "anonymous")


def system_actor(name: str) -> Actor:
    """The named actor of a job or of the platform itself; its runs are audited under that name."""
    return Actor(
        "system",
        f"system:{name}",
        name,
        keys=(f"system:{name}",),
        client="aubier",
        scopes=("system/*.cruds",),
        purpose="HSYSADMIN",
    )


class Withdrawn(Exception):
    """Whoever asked for what is done later stands on nothing any more: it goes no further."""


@dataclass(frozen=True, slots=True)
class Context:
    """The five things a room's function gets; never a service locator. `language` is `fr` or `en`."""

    actor: Actor
    store: View
    now: datetime
    settings: Any
    language: str = "fr"
