"""Forms: what was typed is kept, each error stands beside its field and again on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from aubier.access.actor import Context
from aubier.ground.problem import problem
from aubier.ground.rows import Request
from aubier.portals.frame.house import House

MAX_FILE = 10 * 1024 * 1024
"""The largest file a form takes, in bytes."""

_MAX_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent by a form: its name as sent, the type the browser announced, its bytes."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, and what is wrong with it: `errors` maps a field to the key of its message."""

    values: Mapping[str, str] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """What was typed in `name`, trimmed; empty when nothing."""
        return self.values.get(name, "").strip()

    def with_errors(self, errors: Mapping[str, str]) -> Form:
        """The same form with these errors."""
        return Form(self.values, self.uploads, errors)


EMPTY = Form()
"""A form not filled in yet."""


def read_form(request: Request) -> Form:
    """The fields and files of a POST, urlencoded or multipart. Problem `too-long` or `invalid`."""
    kind = next((v for k, v in request.headers.items() if k.lower() == "content-type"), "")
    if kind.startswith("multipart/form-data"):
        return _whole(_multipart(kind, request.body))
    return _whole(Form(dict(request.form or _urlencoded(request.body))))


def _whole(form: Form) -> Form:
    """The form, unless a field holds a NUL character, which no text has."""
    if any("\0" in text for pair in form.values.items() for text in pair):
        raise _unreadable()
    return form


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise _unreadable() from None


def _multipart(kind: str, body: bytes) -> Form:
    if len(body) > MAX_FILE + 100_000:
        raise problem("too-long", "The file is larger than 10 MB", "Le fichier dépasse 10 Mo", at="http.body")
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise _unreadable()
    values: dict[str, str] = {}
    uploads: dict[str, Upload] = {}
    for part in list(message.iter_parts())[:_MAX_FIELDS]:
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True) or b""
        filename = part.get_filename()
        if not isinstance(name, str) or not isinstance(data, bytes):
            continue
        if filename is None:
            values[name] = data.decode("utf-8", "replace")
        elif filename or data:
            uploads[name] = Upload(filename, part.get_content_type(), data)
    return Form(values, uploads)


def _unreadable() -> Exception:
    return problem("invalid", "The form could not be read", "Le formulaire est illisible", at="http.body")


def signed_form(house: House, ctx: Context, request: Request) -> Form:
    """The form of a POST, once its CSRF token holds. Problem `forbidden` when it does not."""
    form = read_form(request)
    if not house.csrf_holds(ctx, request, form.get("csrf")):
        raise problem(
            "forbidden",
            "This form comes from an old page. Open the page again and send it once more.",
            "Ce formulaire vient d'une page trop ancienne. Rouvrez la page, puis recommencez.",
            at="http.form.csrf",
        )
    return form
