"""The grammar: what is read, how operators bind, and where a refusal points."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath import parse
from aubier.fhir.fhirpath.grammar.lexer import words
from aubier.fhir.fhirpath.grammar.syntax import (
    MAX_DEPTH,
    MAX_LENGTH,
    Binary,
    Call,
    Constant,
    Empty,
    Index,
    Literal,
    Member,
    Quantity,
    Root,
    TypeFilter,
    TypeName,
    TypeTest,
    Unary,
    Variable,
)
from aubier.ground.problem import Problem

A, B, C = Root("a"), Root("b"), Root("c")


@pytest.mark.parametrize(
    ("expression", "tree"),
    [
        ("a", A),
        ("a.b.c", Member(Member(A, "b"), "c")),
        ("`a b`.`é`", Member(Root("a b"), "é")),
        ("a[0]", Index(A, Literal("number", Decimal(0)))),
        ("a.f()", Call(A, "f", ())),
        ("f(a, b)", Call(None, "f", (A, B))),
        ("$this.a", Member(Variable("this"), "a")),
        ("%resource.a", Member(Constant("resource"), "a")),
        ("%`vs-x` | %'ext y'", Binary("|", Constant("vs-x"), Constant("ext y"))),
        ("{}", Empty()),
        ("true", Literal("boolean", True)),
        (r"'it\'s \u00e9 \\ \n'", Literal("string", "it's é \\ \n")),
        ("1.50", Literal("number", Decimal("1.50"))),
        ("7L", Literal("long", 7)),
        ("@2020-05", Literal("date", "2020-05")),
        ("@2020-05-01T", Literal("dateTime", "2020-05-01T")),
        ("@2020-05-01T10:00:00.5+02:00", Literal("dateTime", "2020-05-01T10:00:00.5+02:00")),
        ("@T10:00", Literal("time", "T10:00")),
        ("4 days", Quantity(Decimal(4), "days", calendar=True)),
        ("5.4 'mg'", Quantity(Decimal("5.4"), "mg")),
        ("-a.b", Unary("-", Member(A, "b"))),
        ("a as Quantity", TypeFilter(A, TypeName("Quantity"))),
        ("a.as(FHIR.Quantity)", TypeFilter(A, TypeName("Quantity", "FHIR"))),
        ("a.ofType(string)", TypeFilter(A, TypeName("string"))),
        ("is(Patient)", TypeTest(Variable("this"), TypeName("Patient"))),
        ("a // note\n . /* and */ b", Member(A, "b")),
        ("contains.is.as.in", Member(Member(Member(Root("contains"), "is"), "as"), "in")),
    ],
)
def test_read(expression, tree):
    assert parse(expression) == tree


@pytest.mark.parametrize(
    ("expression", "same"),
    [
        ("a or b and c", "a or (b and c)"),
        ("a implies b or c", "a implies (b or c)"),
        ("a and b = c", "a and (b = c)"),
        ("a = b | c", "a = (b | c)"),
        ("a | b is c", "a | (b is c)"),
        ("a in b = c", "a in (b = c)"),
        ("a < b = c", "(a < b) = c"),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a & b = c", "(a & b) = c"),
        ("-a * b", "(-a) * b"),
        ("a div b mod c", "(a div b) mod c"),
        ("a xor b or c", "(a xor b) or c"),
    ],
)
def test_binding(expression, same):
    assert parse(expression) == parse(same)


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("", 1),
        ("a b", 3),
        ("a.", 3),
        ("a + ", 5),
        ("(a", 3),
        ("a[1", 4),
        ("a.f(b,)", 7),
        ("{a}", 2),
        ("'open", 1),
        (r"'\q'", 2),
        ("a ? b", 3),
        ("a is b.c.d", 9),
        ("a.$this", 3),
        ("true.and", 6),
        ("%", 2),
        ("@", 1),
    ],
)
def test_refusal_points(expression, column):
    with pytest.raises(Problem) as refused:
        parse(expression)
    assert refused.value.kind == "invalid"
    assert f"column {column}:" in str(refused.value)
    assert f"colonne {column} :" in refused.value.issues[0].fr


def test_bounds():
    with pytest.raises(Problem, match="nested too deeply") as deep:
        parse("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1))
    with pytest.raises(Problem, match="longer than") as long:
        parse("a" * (MAX_LENGTH + 1))
    assert (deep.value.kind, long.value.kind) == ("too-costly", "too-long")
    assert parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)) == A


def test_place_does_not_count():
    assert parse("  a.b") == parse("a.b")
    assert parse("  a").at == 2


def test_words_keep_offsets():
    assert [(w.kind, w.text, w.at) for w in words("a='x'")] == [
        ("identifier", "a", 0),
        ("symbol", "=", 1),
        ("string", "x", 2),
        ("end", "", 5),
    ]


def test_every_invariant_and_search_expression_is_read():
    known = definitions()
    expressions = {p.expression for p in known.search_parameters if p.expression}
    for name in known.types:
        definition = known.type(name)
        rules = [*definition.invariants, *(i for e in definition.elements.values() for i in e.invariants)]
        expressions |= {rule.expression for rule in rules if rule.expression}
    assert len(expressions) > 1_500
    for expression in expressions:
        parse(expression)


@given(st.text(alphabet="ab.()[]{}'`\\|=<>!&+-*/ %$@T:0123456789,isandor", max_size=40))
def test_only_problems(expression):
    try:
        parse(expression)
    except Problem as refused:
        assert refused.issues[0].text.startswith("FHIRPath, column ")
