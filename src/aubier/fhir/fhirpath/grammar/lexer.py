"""Words of a FHIRPath expression."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aubier.fhir.fhirpath.grammar.syntax import MAX_LENGTH, refusal

_TIME = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_ZONE = r"(?:Z|[+-]\d{2}:\d{2})"
_DATE = r"\d{4}(?:-\d{2}(?:-\d{2})?)?"

_WORDS = re.compile(
    "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in (
            ("space", r"[ \t\r\n]+|//[^\r\n]*|/\*(?s:.*?)\*/"),
            ("dateTime", rf"@{_DATE}T(?:{_TIME}{_ZONE}?)?"),
            ("date", rf"@{_DATE}"),
            ("time", rf"@T{_TIME}"),
            ("long", r"\d+L\b"),
            ("number", r"\d+(?:\.\d+)?"),
            ("string", r"'(?:[^'\\]|\\.)*'"),
            ("delimited", r"`(?:[^`\\]|\\.)*`"),
            ("identifier", r"[A-Za-z_][A-Za-z0-9_]*"),
            ("variable", r"\$(?:this|index|total)\b"),
            ("symbol", r"<=|>=|!=|!~|[.,()\[\]{}+\-*/&|<>=~%]"),
        )
    ),
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its kind, its text (strings and delimited identifiers unescaped) and its offset."""

    kind: str
    text: str
    at: int


def words(expression: str) -> tuple[Word, ...]:
    """The words of `expression`, closed by one of kind `end`; Problem `invalid` names the column."""
    if len(expression) > MAX_LENGTH:
        raise refusal(
            f"longer than {MAX_LENGTH} characters",
            f"plus de {MAX_LENGTH} caractères",
            expression=expression,
            at=MAX_LENGTH,
            kind="too-long",
        )
    found: list[Word] = []
    at = 0
    while at < len(expression):
        match = _WORDS.match(expression, at)
        if match is None:
            raise _unreadable(expression, at)
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(_word(kind, match.group(), expression=expression, at=at))
        at = match.end()
    found.append(Word("end", "", at))
    return tuple(found)


def _word(kind: str, text: str, *, expression: str, at: int) -> Word:
    if kind in {"string", "delimited"}:
        text = _unescape(text[1:-1], expression=expression, at=at)
        kind = "identifier*" if kind == "delimited" else kind
    elif kind in {"date", "dateTime", "time", "variable"}:
        text = text[1:]
    return Word(kind, text, at)


def _unescape(text: str, *, expression: str, at: int) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPED:
            raise refusal(
                f"unknown escape \\{match[2]}",
                f"échappement inconnu \\{match[2]}",
                expression=expression,
                at=at + 1 + match.start(),
            )
        return _ESCAPED[match[2]]

    if "\\" not in text:
        return text
    # Two halves of a sign beyond 16 bits become that sign; a half alone is no sign of any text.
    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unreadable(expression: str, at: int) -> Exception:
    sign = expression[at]
    if sign in "'`":
        return refusal("text without an end", "texte sans fin", expression=expression, at=at)
    return refusal(f"unexpected {sign!r}", f"{sign!r} inattendu", expression=expression, at=at)
