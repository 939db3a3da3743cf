"""What the composition root hands to the portals: the few things a page needs from other rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aubier.access.actor import Context
from aubier.ground.chance import Ids, random_ids
from aubier.ground.problem import problem
from aubier.ground.rows import Operation, Request, Resource, Texts
from aubier.portals.frame.faces import initials


@dataclass(frozen=True, slots=True)
class Login:
    """Someone one can log in as in the sandbox: `login` is what the sign-on form sends."""

    login: str
    name: str
    space: str
    about: str = ""

    @property
    def face(self) -> str:
        """Two letters for their face."""
        return initials(self.name)


@dataclass(frozen=True, slots=True)
class Application:
    """An application that the reader lets act for them: what it may do, one sentence each."""

    client: str
    name: str
    said: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a document, ready to show.

    `html` is a fragment already made safe by the record room (no script, no style, no remote
    content), or empty; `data` are the bytes as deposited, of type `media_type`, and `headers` those
    under which the record room sends them.
    """

    media_type: str
    data: bytes = b""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The content when it is plain text, which a page shows as it is; else empty."""
        return self.data.decode("utf-8", "replace") if self.media_type.startswith("text/plain") else ""


async def nobody(ctx: Context) -> Sequence[Login]:
    """No list of people: outside the sandbox."""
    return ()


async def none(ctx: Context) -> Sequence[Application]:
    """No application: where no sign-on keeps any."""
    return ()


async def keeps(ctx: Context, client: str) -> bool:
    """Ends nothing: there is none."""
    return False


@dataclass(frozen=True, slots=True)
class House:
    """The seam between the portals and the rest, filled in once by `app.py`.

    `operations` are the rows rooms declared, by `Type/$name`. `csrf_token(ctx, request)` gives the
    token of the session, `csrf_holds(ctx, request, token)` says whether the one received is it.
    `content(ctx, document)` reads a DocumentReference's content; `publish(ctx, document, data)`
    deposits one through the record room and gives the stored resource. `doors` are the national APIs:
    path and title. `applications(ctx)` are those that act for the reader, `end_application(ctx, client)`
    ends what one of them may do, at once; False when it was let do nothing.
    """

    csrf_token: Callable[[Context, Request], str]
    csrf_holds: Callable[[Context, Request, str], bool]
    content: Callable[[Context, Resource], Awaitable[Content]]
    publish: Callable[[Context, Resource, bytes], Awaitable[Resource]]
    operations: Mapping[str, Operation] = field(default_factory=dict)
    people: Callable[[Context], Awaitable[Sequence[Login]]] = nobody
    sandbox: bool = False
    login_path: str = "/connexion"
    doors: Sequence[tuple[str, Texts]] = ()
    logout_path: str = "/deconnexion"
    applications: Callable[[Context], Awaitable[Sequence[Application]]] = none
    end_application: Callable[[Context, str], Awaitable[bool]] = keeps
    new_id: Ids = random_ids

    async def call(self, ctx: Context, name: str, parameters: Resource) -> Resource:
        """Runs the FHIR operation `Type/$name`; Problem `not-supported` when no room declares it."""
        row = self.operations.get(name)
        if row is None:
            raise problem(
                "not-supported",
                f"Nothing here performs {name}",
                f"Rien ici ne réalise {name}",
                at="http.operation",
            )
        return await row.run(ctx, parameters)


def parameters(instance: str = "", **values: tuple[str, object]) -> Resource:
    """A Parameters resource: `parameters("12", until=("valueDate", "2027-01-01"))`, empty values left out."""
    rows = [
        {"name": name.replace("_", "-"), kind: value} for name, (kind, value) in values.items() if value != ""
    ]
    built: Resource = {"resourceType": "Parameters", "parameter": rows}
    return {**built, "_id": instance} if instance else built
