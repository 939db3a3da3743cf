"""Codes that are known by their shape: what is one, how it is written, what is none."""

import pytest

from aubier.terminology import grammars

UCUM, TAGS, MEDIA = "http://unitsofmeasure.org", "urn:ietf:bcp:47", "urn:ietf:bcp:13"
COUNTRY, PART, MONEY = "urn:iso:std:iso:3166", "urn:iso:std:iso:3166:-2", "urn:iso:std:iso:4217"
ZONE = "https://www.iana.org/time-zones"


@pytest.mark.parametrize(
    ("system", "codes"),
    [
        (
            UCUM,
            [
                "mg/dL",
                "10*3/uL",
                "%",
                "{score}",
                "mm[Hg]",
                "[iU]/mL",
                "dB",
                "ug/kg/(8.h){turn}",
                "{2 to 3}/d",
            ],
        ),
        (
            TAGS,
            [
                "fr",
                "fr-CA",
                "zh-Hans-CN",
                "sl-rozaj-biske-1994",
                "de-CH-x-phonebk",
                "x-whatever",
                "es-419",
                "i-klingon",
            ],
        ),
        (TAGS, ["en-US-u-islamcal", "zh-cmn-Hans-CN", "ast", "fr-XK"]),
        (
            MEDIA,
            [
                "text/plain",
                "application/fhir+json; fhirVersion=4.0",
                'text/x-a;b="c;\\"d"',
                "image/svg+xml",
                "application/fhir+json;canonicalization=http://hl7.org/fhir/canonicalization/json#static",
            ],
        ),
        (COUNTRY, ["FR", "FRA", "250", "XK", "ZZ"]),
        (PART, ["FR-75", "FR-ARA", "US-CA"]),
        (MONEY, ["EUR", "XPF"]),
        (ZONE, ["Europe/Paris", "UTC", "America/Argentina/Ushuaia"]),
    ],
)
def test_what_is_a_code(system: str, codes: list[str]) -> None:
    found = {code: grammars.concept(system, code) for code in codes}
    assert [code for code, one in found.items() if one is None or one.code != code] == []


@pytest.mark.parametrize(
    ("system", "codes"),
    [
        (UCUM, ["", "mg/dl/", "KG", "k[ft_i]", "m//s", "{open", "(m", "[pH].m", "mmHg", "m" * 500, "é"]),
        (
            TAGS,
            [
                "",
                "f",
                "xq",
                "fr-ZY",
                "fr_FR",
                "fr-",
                "-fr",
                "de-DE-1901-1901",
                "en-a-bbb-a-ccc",
                "x",
                "fr--FR",
                "a" * 9,
            ],
        ),
        (
            MEDIA,
            [
                "",
                "text",
                "text/",
                "/plain",
                "text/plain;",
                "text/plain; a",
                "text/pla in",
                "t/" + "a" * 200,
                'a/b;c="',
            ],
        ),
        (COUNTRY, ["", "fr", "FRX", "ZY", "999", "FRAN"]),
        (PART, ["FR", "FR-", "ZY-1", "FR-ABCD", "fr-75"]),
        (MONEY, ["eur", "EURO", "ZZZ"]),
        (ZONE, ["Europe/Lutece", "europe/paris", "", "../etc/passwd"]),
    ],
)
def test_what_is_none(system: str, codes: list[str]) -> None:
    assert [code for code in codes if grammars.concept(system, code) is not None] == []


def test_a_tag_is_written_in_its_usual_letters() -> None:
    for given, written in (("FR-ca", "fr-CA"), ("ZH-hANS-cn", "zh-Hans-CN"), ("I-KLINGON", "i-klingon")):
        found = grammars.concept(TAGS, given)
        assert found is not None and found.code == written
    assert (found := grammars.concept(TAGS, "fr-FR")) is not None and found.display == "French (France)"


def test_units_of_one_kind_have_one_canonical_form() -> None:
    forms = {
        code: grammars.canonical_unit(UCUM, code)
        for code in ("mg", "[lb_av]", "mL", "dm3", "h", "N/m2", "nonsense")
    }
    assert list(forms.values()) == ["g", "g", "m3", "m3", "s", "g.m-1.s-2", "nonsense"]
    assert grammars.canonical_unit(TAGS, "fr") == "fr"


def test_a_system_says_whether_its_list_is_all() -> None:
    for url, kind in ((UCUM, "open"), (TAGS, "open"), (MEDIA, "open"), (COUNTRY, "closed"), (ZONE, "closed")):
        found = grammars.system(url)
        assert found is not None and (found.grammar, found.known, found.endless) == (
            kind,
            True,
            kind == "open",
        )
    assert grammars.system("https://terminology.example/none") is None
    assert len(grammars.common(COUNTRY)) == 3 * 249
    assert len(grammars.common(UCUM)) > 1_000
    assert grammars.common(MEDIA) == {}
