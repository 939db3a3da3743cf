"""FHIRPath expressions by their grammar, on a Patient. Rule: FHIRPath N1 2.0.0, appendix B."""

from __future__ import annotations

from random import Random

_NAMES = (
    "name",
    "given",
    "family",
    "active",
    "birthDate",
    "extension",
    "value",
    "identifier",
    "id",
    "contact",
)
_LITERALS = (
    *("true", "false", "{}", "'a'", "'é\\n\\u00e9'", "0", "1.50", "42", "@2020-01-31", "@2020", "@T10:00"),
    *("@2020-01-31T10:00:00+02:00", "4.5 'mg'", "3 days", "`name`", "%context", "%resource", "$this"),
)
_PLAIN = (
    *("exists()", "empty()", "not()", "count()", "first()", "last()", "tail()", "distinct()", "isDistinct()"),
    *("children()", "descendants()", "toString()", "toInteger()", "toDecimal()", "toDate()", "toQuantity()"),
    *("lower()", "upper()", "length()", "trim()", "hasValue()", "type()", "allTrue()", "abs()", "round(1)"),
    *("ofType(string)", "as(string)", "is(HumanName)", "single()", "single()", "ceiling()", "sqrt()"),
)
_WITH_ONE = ("where", "select", "all", "exists", "repeat", "combine", "union", "intersect", "exclude", "skip")
_WITH_TEXT = ("startsWith", "contains", "indexOf", "matches", "replaceMatches", "join", "split", "extension")
_BINARY = (
    *("+", "-", "*", "/", "div", "mod", "&", "|", "=", "!=", "~", "!~", "<", ">=", "in", "contains", "and"),
    *("or", "xor", "implies"),
)
_GAPS = (" ", "\n", "\t", " /* a */ ", " // a\n")


def expression(random: Random, depth: int = 0) -> list[str]:
    """The words of an expression: whatever stands between them, it is the same one."""
    if depth > 3:
        return [random.choice((*_LITERALS, *_NAMES))]
    match random.randint(0, 7):
        case 0:
            return [random.choice(_LITERALS)]
        case 1 | 2:
            return [
                "(",
                *expression(random, depth + 1),
                random.choice(_BINARY),
                *_operand(random, depth),
                ")",
            ]
        case 3:
            return ["(", *expression(random, depth + 1), ")", random.choice(("is", "as")), "string"]
        case 4:
            return ["-", "(", *expression(random, depth + 1), ")"]
    return _path(random, depth)


def _operand(random: Random, depth: int) -> list[str]:
    return ["(", *expression(random, depth + 1), ")"]


def _path(random: Random, depth: int) -> list[str]:
    words = [random.choice(("Patient", *_NAMES))]
    for _ in range(random.randint(0, 3)):
        words += [".", *_step(random, depth)]
        if random.random() < 0.15:
            words += ["[", str(random.randint(0, 2)), "]"]
    return words


def _step(random: Random, depth: int) -> list[str]:
    match random.randint(0, 5):
        case 0:
            return [random.choice(_WITH_ONE), "(", *expression(random, depth + 1), ")"]
        case 1:
            more = [",", "'b'"] if (name := random.choice(_WITH_TEXT)) == "replaceMatches" else []
            return [name, "(", random.choice(("'a'", "'[a-c]+'", "'(a|b){2}'")), *more, ")"]
        case 2 | 3:
            return [random.choice(_PLAIN)]
        case 4:
            return ["iif", "(", *expression(random, depth + 1), ",", "1", ",", "name", ")"]
    return [random.choice(_NAMES)]


def written(random: Random, words: list[str]) -> str:
    """The words with something between them that means nothing."""
    return "".join(word + random.choice(_GAPS) for word in words)
