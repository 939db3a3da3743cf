"""Units: what is read, what it is worth, and that nothing else is guessed."""

import csv
from fractions import Fraction
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.fhir.definitions import definitions
from aubier.fhir.ucum import MAX_LENGTH, unit

ROWS = list(
    csv.DictReader(files("aubier.fhir.ucum").joinpath("atoms.csv").read_text(encoding="utf-8").splitlines())
)


@pytest.mark.parametrize(
    ("left", "right", "ratio"),
    [
        ("kg", "g", 1000),
        ("mg/dL", "g/L", "1/100"),
        ("10*3/uL", "/nL", 1),
        ("10*9/L", "10^9/L", 1),
        ("mm[Hg]", "Pa", "133.322"),
        ("[lb_av]", "kg", "0.45359237"),
        ("[in_i]", "cm", "2.54"),
        ("[psi]", "Pa", "8896443230521/1290320000"),
        ("mmol/L", "mol/m3", 1),
        ("U/L", "nkat/L", "100/6"),
        ("cal", "J", "4.184"),
        ("N", "kg.m/s2", 1),
        ("kg.m.s-2", "N", 1),
        ("ug/kg/min", "ug/(kg.min)", 1),
        ("/min", "Hz", "1/60"),
        ("{beats}/min", "{breaths}/min", 1),
        ("mL/min/{1.73_m2}", "mL/min", 1),
        ("%", "1", "1/100"),
        ("[IU]/L", "[iU]/L", 1),
        ("k[IU]", "[IU]", 1000),
        ("wk", "d", 7),
        ("a", "mo", 12),
        ("2.g", "g", 2),
        ("g{total}", "g", 1),
        ("L", "l", 1),
        ("daL", "L", 10),
        ("KiBy", "bit", 8192),
        ("gon", "deg", "0.9"),
        ("[degF]", "K", "5/9"),
    ],
)
def test_ratios(left, right, ratio):
    first, second = unit(left), unit(right)
    assert first.dimensions == second.dimensions
    assert first.size / second.size == Fraction(ratio)


@pytest.mark.parametrize(
    ("code", "not_like"),
    [
        ("g", "m"),
        ("[iU]", "1"),
        ("[arb'U]", "[iU]"),
        ("cd", "d"),
        ("mol", "g"),
        ("m", "m2"),
        ("Pa", "N"),
        ("[S]", "S"),
    ],
)
def test_what_does_not_compare(code, not_like):
    assert unit(code).dimensions != unit(not_like).dimensions


@pytest.mark.parametrize(
    "text",
    ["", " ", "mg ", "frob", "mg//dL", "mg/", ".", "(mg", "mg)", "kmin", "m-", "m99", "m0", "Cel2", "Cel/s",
     "g.Cel", "{", "é", "0", "[", "[x]", "1000000000000000",
     "(" * 20 + "g" + ")" * 20, "m." * MAX_LENGTH, "mg{é}"],
)  # fmt: skip
def test_what_is_not_known(text):
    assert unit(text) is None


def test_scales_with_a_zero_of_their_own():
    celsius, fahrenheit = unit("Cel"), unit("[degF]")
    assert fahrenheit.of(celsius.base(Fraction(37))) == Fraction("98.6")
    assert celsius.of(unit("K").base(Fraction("273.15"))) == 0
    assert unit("mCel").size == Fraction(1, 1000)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_every_atom_is_read_and_is_what_it_says(row):
    found = unit(row["code"])
    assert found is not None and found.size > 0 and row["name"]
    assert (unit("k" + row["code"]) is not None) >= bool(row["metric"])
    if row["unit"]:
        assert found.dimensions == unit(row["unit"]).dimensions


@settings(max_examples=300)
@given(st.text(alphabet="mgLlsK10*^[]{}()./-+%iUHnkuda'", max_size=20))
def test_any_text_is_a_unit_or_not(text):
    found = unit(text)
    assert found is None or (found.size > 0 and all(exponent for _, exponent in found.dimensions))


def test_every_common_unit_of_the_base_specification_is_one() -> None:
    listed = definitions().value_sets["http://hl7.org/fhir/ValueSet/ucum-common"]["compose"]["include"][0]
    codes = [row["code"] for row in listed["concept"]]
    assert len(codes) > 1_000
    assert [code for code in codes if unit(code) is None] == []


def test_a_scale_of_its_own_takes_a_prefix_and_nothing_else() -> None:
    for code in ("dB", "B[SPL]", "[pH]", "Np", "%[slope]", "[m/s2/Hz^(1/2)]"):
        found = unit(code)
        assert found is not None and found.special
    assert [code for code in ("dB/m", "B2", "2.[pH]", "m[pH]", "[pH]-1") if unit(code) is not None] == []
    tenth, whole = unit("dB"), unit("B")
    assert tenth is not None and whole is not None and (tenth.size * 10, tenth.canonical) == (whole.size, "B")


@pytest.mark.parametrize(
    ("code", "canonical", "size"),
    [
        ("[acr_br]", "m2", "4046.850"),
        ("[degR]", "K", "0.5556"),
        ("[Btu_th]", "g.m2.s-2", "1054350"),
        ("[lb_ap]", "g", "373.242"),
        ("AU", "m", "149597870691"),
        ("kgf", "g.m.s-2", "9806.65"),
        ("U/(10.g){feces}", "g-1.s-1", "1003728980000000"),
    ],
)
def test_atoms_that_are_seldom_met(code: str, canonical: str, size: str) -> None:
    found = unit(code)
    assert found is not None and found.canonical == canonical
    assert abs(float(found.size) / float(size) - 1) < 1e-4
