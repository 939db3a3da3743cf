"""The functions on texts, numbers and collections, and their conversions: what each gives, and refuses."""

from decimal import Decimal
from pathlib import Path

import pytest

from aubier.fhir.fhirpath import Environment
from aubier.fhir.fhirpath.evaluation.run import MAX_TEXT
from aubier.fhir.fhirpath.functions import FUNCTIONS
from tests.unit.fhir.fhirpath.asking import PATIENT, ask, refused, types

TRUE, FALSE, EMPTY = [True], [False], []


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("'abc'.indexOf('c')", [2]),
        ("'abc'.indexOf('z')", [-1]),
        ("{}.indexOf('z')", EMPTY),
        ("'abcabc'.lastIndexOf('b')", [4]),
        ("'abcd'.substring(1)", ["bcd"]),
        ("'abcd'.substring(1, 2)", ["bc"]),
        ("'abcd'.substring(4)", EMPTY),
        ("'abcd'.substring(-1)", EMPTY),
        ("'abcd'.substring(1, -1)", [""]),
        ("'abc'.startsWith('ab')", TRUE),
        ("'abc'.endsWith('ab')", FALSE),
        ("'abc'.contains('b')", TRUE),
        ("gender.contains('male')", TRUE),
        ("'aé'.upper()", ["AÉ"]),
        ("'AÉ'.lower()", ["aé"]),
        ("'  a b '.trim()", ["a b"]),
        ("'aé'.length()", [2]),
        ("'aé'.toChars()", ["a", "é"]),
        ("'aXbX'.replace('X', '-')", ["a-b-"]),
        ("'ab'.replace('', '-')", ["-a-b-"]),
        ("'ab'.replace({}, '-')", EMPTY),
        ("'a,b,,c'.split(',')", ["a", "b", "", "c"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("name.given.join('-')", ["Maëlle-Anne-Mael-Maëlle"]),
        ("name.given.join()", ["MaëlleAnneMaelMaëlle"]),
        ("{}.join(',')", EMPTY),
        ("'é>'.encode('base64')", ["w6k+"]),
        ("'é>'.encode('urlbase64')", ["w6k-"]),
        ("'é'.encode('hex')", ["c3a9"]),
        ("'w6k-'.decode('urlbase64')", ["é>"]),
        ("'c3a9'.decode('hex')", ["é"]),
        ("'zz'.decode('hex')", EMPTY),
        ("'***'.decode('base64')", EMPTY),
        ("'/w=='.decode('base64')", EMPTY),
        ("'<a \"b\">&'.escape('html')", ["&lt;a &quot;b&quot;&gt;&amp;"]),
        ("'&lt;&#233;'.unescape('html')", ["<é"]),
        ("'a\"\\n'.escape('json')", ['a\\"\\n']),
        ("'a\\\\\"\\\\n\\\\u00e9'.unescape('json')", ['a"\né']),
        ("'ab12'.matches('[0-9]+')", TRUE),
        ("'ab12'.matchesFull('[0-9]+')", FALSE),
        ("'ab12'.matches({})", EMPTY),
        ("'1980-02'.replaceMatches('(\\\\d+)-(?<m>\\\\d+)', '${m}/$1')", ["02/1980"]),
    ],
)
def test_texts(expression, found):
    assert ask(expression) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("(-5).abs()", [5]),
        ("(-5.5 'mg').abs() = 5.5 'mg'", TRUE),
        ("1.1.ceiling()", [2]),
        ("(-1.1).ceiling()", [-1]),
        ("(-1.1).floor()", [-2]),
        ("(-1.9).truncate()", [-1]),
        ("99999999999.5.floor()", EMPTY),
        ("2.5.round()", [Decimal(3)]),
        ("(-2.5).round()", [Decimal(-3)]),
        ("3.14159.round(3)", [Decimal("3.142")]),
        ("3.14159.round({})", EMPTY),
        ("0.exp()", [Decimal(1)]),
        ("10000.exp()", EMPTY),
        ("1.ln()", [Decimal(0)]),
        ("0.ln()", EMPTY),
        ("16.log(2)", [Decimal(4)]),
        ("16.log(1)", EMPTY),
        ("16.log(-1)", EMPTY),
        ("81.sqrt()", [Decimal(9)]),
        ("(-1).sqrt()", EMPTY),
        ("2.power(10)", [1024]),
        ("2.power(-1)", [Decimal("0.5")]),
        ("2.5.power(2)", [Decimal("6.25")]),
        ("0.power(0)", [1]),
        ("(-1).power(0.5)", EMPTY),
        ("2.power(31)", EMPTY),
        ("10.power(2147483647)", EMPTY),
        ("{}.power(2)", EMPTY),
        ("{}.abs()", EMPTY),
    ],
)
def test_numbers(expression, found):
    assert ask(expression) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("'Yes'.toBoolean()", TRUE),
        ("'0.0'.toBoolean()", FALSE),
        ("1.0.toBoolean()", TRUE),
        ("2.toBoolean()", EMPTY),
        ("'maybe'.convertsToBoolean()", FALSE),
        ("'-12'.toInteger()", [-12]),
        ("true.toInteger()", [1]),
        ("'1.0'.toInteger()", EMPTY),
        ("'99999999999'.toInteger()", EMPTY),
        ("'12'.convertsToInteger()", TRUE),
        ("'1.50'.toDecimal()", [Decimal("1.50")]),
        ("true.toDecimal()", [Decimal(1)]),
        ("'1e5'.convertsToDecimal()", FALSE),
        ("'2015-02'.toDate()", ["2015-02"]),
        ("@2015-02-04T10:00.toDate()", ["2015-02-04"]),
        ("'2015-02-30'.toDate()", EMPTY),
        ("'2015-02-04T10:00'.convertsToDate()", FALSE),
        ("'2015-02-04T10:00Z'.toDateTime()", ["2015-02-04T10:00Z"]),
        ("birthDate.toDateTime()", ["1980-02-29"]),
        ("'nonsense'.convertsToDateTime()", FALSE),
        ("'10:30'.toTime()", ["10:30"]),
        ("'T10:30'.toTime()", ["10:30"]),
        ("'25:00'.convertsToTime()", FALSE),
        ("true.toString()", ["true"]),
        ("1.50.toString()", ["1.50"]),
        ("(1 'mg').toString()", ["1 'mg'"]),
        ("(2 days).toString()", ["2 days"]),
        ("birthDate.toString()", ["1980-02-29"]),
        ("name[0].toString()", EMPTY),
        ("name[0].convertsToString()", FALSE),
        ("'4 days'.toQuantity() = 4 days", TRUE),
        ("'4.5 \\'mg\\''.toQuantity() = 4.5 'mg'", TRUE),
        ("'4 wk'.convertsToQuantity()", FALSE),
        ("'7 \\'d\\''.toQuantity('wk') = 1 'wk'", TRUE),
        ("(1 'kg').toQuantity('g').value", [Decimal(1000)]),
        ("(98.6 '[degF]').toQuantity('Cel').value", [Decimal(37)]),
        ("(1 'kg').convertsToQuantity('m')", FALSE),
        ("(1 'kg').convertsToQuantity('nonsense')", FALSE),
        ("5.toQuantity() = 5", TRUE),
        ("{}.toInteger()", EMPTY),
        ("{}.convertsToInteger()", EMPTY),
        ("convertsToInteger()", FALSE),
    ],
)
def test_conversions(expression, found):
    assert ask(expression) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("name.skip(1).use", ["usual", "maiden"]),
        ("name.skip(-1).count()", [3]),
        ("name.take(2).use", ["official", "usual"]),
        ("name.take(0)", EMPTY),
        ("name.first().single().use", ["official"]),
        ("name.given.distinct()", ["Maëlle", "Anne", "Mael"]),
        ("name.given.isDistinct()", FALSE),
        ("{}.isDistinct()", TRUE),
        ("(1 | 2).union(2 | 3)", [1, 2, 3]),
        ("(1 | 2).combine(2 | 3)", [1, 2, 2, 3]),
        ("(1 | 2 | 3).intersect(3 | 1)", [1, 3]),
        ("name.given.intersect('Maëlle')", ["Maëlle"]),
        ("name.given.exclude('Maëlle')", ["Anne", "Mael"]),
        ("(1 | 2).subsetOf(1 | 2 | 3)", TRUE),
        ("(1 | 2).subsetOf(2 | 1)", TRUE),
        ("{}.subsetOf(1)", TRUE),
        ("(1 | 2).supersetOf(3)", FALSE),
        ("name.select(family.exists()).allTrue()", FALSE),
        ("name.select(family.exists()).anyTrue()", TRUE),
        ("name.select(family.exists()).allFalse()", FALSE),
        ("name.select(family.exists()).anyFalse()", TRUE),
        ("{}.allTrue()", TRUE),
        ("{}.anyTrue()", FALSE),
        ("name.all($index < 3)", TRUE),
        ("name.select($index)", [0, 1, 2]),
        ("name.where($index > 0).exists(use = 'maiden')", TRUE),
        ("name.exists(family = 'Nobody')", FALSE),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("(1 | 2 | 3).aggregate(iif($total.empty(), $this, $this * $total))", [6]),
        ("name.aggregate($total & $index.toString(), '')", ["012"]),
        ("{}.aggregate($this + $total, 7)", [7]),
        ("(3 | 1 | 2).sort()", [1, 2, 3]),
        ("(3 | 1 | 2).sort(-$this)", [3, 2, 1]),
        ("name.sort(family).use", ["usual", "maiden", "official"]),
        ("name.sort(-family).use", ["usual", "official", "maiden"]),
        ("name.sort(given.first(), -family).use", ["usual", "official", "maiden"]),
        ("telecom.sort(rank).system", ["email", "phone"]),
        ("iif(active, 'yes', 1 / 'a')", ["yes"]),
        ("iif(active.not(), name.single(), 'no')", ["no"]),
        ("iif({}, 1)", EMPTY),
        ("gender.iif($this = 'female', $this & '!', '')", ["female!"]),
        ("{}.iif($this.exists(), 1, 2)", [2]),
        ("{}.iif(true, family)", EMPTY),
        ("name.select(iif(family.exists(), family, given))", ["Kervella", "Mael", "Abgrall"]),
        ("1.repeat($this + 1).take(0)", None),
        ("contact.repeat('x' | 'y')", ["x", "y"]),
        ("name[0].children().ofType(string)", ["Kervella", "Maëlle", "Anne"]),
        ("children().ofType(boolean)", [True]),
        ("descendants().ofType(id)", ["p"]),
        ("contact.descendants().family", ["Le Goff"]),
        ("name.trace('n').count()", [3]),
        ("multipleBirth.type().name", ["integer"]),
        ("1.type().namespace & '.' & 1.type().name", ["System.Integer"]),
        ("contact.type().baseType", ["FHIR.BackboneElement"]),
        ("type().name & type().baseType", ["PatientFHIR.DomainResource"]),
        ("active.hasValue()", TRUE),
        ("name.hasValue()", FALSE),
        ("name[0].given.hasValue()", FALSE),
        ("gender.getValue()", ["female"]),
        ("name[0].getValue()", EMPTY),
        ("name.checkModifiers('http://x/known').count()", [3]),
    ],
)
def test_collections(expression, found):
    if found is None:
        assert refused(expression, Environment(budget=5_000)).kind == "too-costly"
        return
    assert ask(expression) == found


@pytest.mark.parametrize(
    ("expression", "kind", "words"),
    [
        ("name.single()", "invalid", "3 values where one is due"),
        ("name.given.upper()", "invalid", "4 values where one is due"),
        ("name.upper()", "invalid", "upper() is for a String, not for HumanName"),
        ("(1 | name.first()).select($this.upper())", "invalid", "System.Integer where a text is due"),
        ("1.upper()", "invalid", "upper() is for a String, not for System.Integer"),
        ("'a'.substring('b')", "invalid", "System.String where a whole number is due"),
        ("'a'.encode('rot13')", "invalid", "the encoding 'rot13' is none of hex"),
        ("'a'.escape('xml')", "invalid", "'xml' is neither html nor json"),
        ("'a'.abs()", "invalid", "a sign before System.String"),
        ("'a'.sqrt()", "invalid", "System.String where a number is due"),
        ("1.round(-1)", "invalid", "round() to -1 digits"),
        ("('a' | 1).allTrue()", "invalid", "System.String where true or false is due"),
        ("iif('a', 1, 2)", "invalid", "the criterion of iif() is no Boolean"),
        ("iif(name.select(iif(use = 'usual', 'a', true)), 1, 2)", "invalid", "3 values where one is due"),
        ("name.iif(true, 1)", "invalid", "3 values where one is due"),
        ("('a' | 1).sort()", "invalid", "have no order"),
        ("name.frobnicate()", "not-supported", "the function frobnicate() is not known"),
        ("name.skip()", "not-supported", "skip() takes 1 to 1 arguments, not 0"),
        ("name.given1", "invalid", "no element given1 here"),
        ("given1", "invalid", "no element given1 here"),
        ("Observation.value", "invalid", "Observation is not what this is evaluated on"),
        ("multipleBirthInteger", "invalid", "no element multipleBirthInteger here"),
        ("children().first()", "invalid", "children() gives has no order"),
        ("1.elementDefinition()", "not-supported", "elementDefinition() is not supported"),
        ("$total", "not-supported", "$total has no meaning here"),
        ("'a'.matches('(')", "invalid", "a ) is missing"),
    ],
)
def test_refusals(expression, kind, words):
    found = refused(expression)
    assert (found.kind, words in str(found)) == (kind, True), str(found)


def test_a_text_cannot_grow_without_end():
    grown = "(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21).aggregate($total & $total, 'ab')"
    found = refused(grown)
    assert found.kind == "too-costly"
    assert f"more than {MAX_TEXT} characters" in str(found)
    multiplied = "'aaaaaaaaaa'" + ".replace('a', 'aaaaaaaaaa')" * 7
    assert refused(multiplied).kind == "too-costly"


def test_a_repetition_of_the_same_ends():
    assert ask("name.repeat(%resource.name).count()") == [3]
    assert ask("1.repeat((($this + 1) mod 5))") == [2, 3, 4, 0, 1]


@pytest.mark.parametrize(
    "expression",
    [
        "descendants().where(%resource.descendants().where(%resource.descendants().exists()).exists())",
        "name.where(%resource.name.where(%resource.name.where(%resource.name.given.exists()).exists()).exists())",
        "1.repeat($this + 1)",
        "name.repeat(given & '!')",
        "(1 | 2).select((1 | 2).select((1 | 2).select((1 | 2).select((1 | 2).select((1 | 2))))))",
    ],
)
def test_work_is_counted(expression):
    environment = Environment(budget=120)
    assert refused(expression, environment).kind in ("too-costly", "invalid")


def test_every_function_is_asked_for():
    tests = [*Path(__file__).parent.glob("test_*.py"), Path(__file__).parent.parent / "test_fhirpath.py"]
    asked = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert [name for name in FUNCTIONS if f"{name}(" not in asked] == []


def test_extensions_stand_for_no_value():
    data = {
        **PATIENT,
        "gender": None,
        "_gender": {"extension": [{"url": "u", "valueCode": "x"}]},
        "name": [{"given": ["A", None], "_given": [None, {"id": "g"}]}],
    }
    assert ask("gender.hasValue()", data=data) == FALSE
    assert ask("gender.exists()", data=data) == TRUE
    assert ask("gender & '!'", data=data) == ["!"]
    assert ask("gender < 'a'", data=data) == EMPTY
    assert ask("name.given.select($this.hasValue())", data=data) == [True, False]
    assert ask("gender.children().value", data=data) == ["x"]
    assert types("name.given", data=data) == ["string", "string"]
