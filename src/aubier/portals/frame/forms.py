"""Forms: what was typed is kept, each error stands beside its field and again on top."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from urllib.parse import parse_qsl

from aubier.access.actor import Context
from aubier.ground.problem import problem
from aubier.ground.rows import Request
from aubier.portals.frame.house import House

MAX_FILE = 10 * 1024 * 1024
"""The largest file a form takes, in bytes."""

_MAX_FIELDS = 100
_MAX_BOUNDARY, _MAX_HEAD = 70, 2_048


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
    boundary = _head(f"Content-Type: {kind}").get_boundary("")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise _unreadable()
    values: dict[str, str] = {}
    uploads: dict[str, Upload] = {}
    for head, data in _parts(boundary, body):
        name = head.get_param("name", header="content-disposition")
        filename = head.get_filename()
        if not isinstance(name, str):
            continue
        if filename is None:
            values[name] = data.decode("utf-8", "replace")
        elif filename or data:
            uploads[name] = Upload(filename, head.get_content_type(), data)
    return Form(values, uploads)


def _parts(boundary: str, body: bytes) -> Iterator[tuple[Message, bytes]]:
    """Head and content of each part. Rule: RFC 2046 section 5.1.1; RFC 7578: no part has parts of its own."""
    line = b"\r\n--" + boundary.encode("latin-1", "replace")
    _, *pieces = (b"\r\n" + body).split(line, _MAX_FIELDS + 2)
    if not 0 < len(pieces) <= _MAX_FIELDS + 1:
        raise _unreadable()
    for piece in pieces:
        if piece.startswith(b"--"):
            return
        head, mark, data = piece.partition(b"\r\n\r\n")
        if not mark or len(head) > _MAX_HEAD:
            raise _unreadable()
        yield _head(head.decode("utf-8", "replace").strip()), data


def _head(text: str) -> Message:
    """The headers of a part. Short ones only: reading them takes time as the square of their length."""
    if len(text) > _MAX_HEAD:
        raise _unreadable()
    return HeaderParser().parsestr(text)


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
