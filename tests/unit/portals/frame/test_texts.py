import json
import re
from pathlib import Path

import pytest

from aubier.ground.text import typography
from aubier.portals.frame.texts import preferred, sentence, texts

FR, EN = texts("fr"), texts("en")
ROOM = Path(__file__).resolve().parents[4] / "src" / "aubier" / "portals"


def test_both_catalogues_say_the_same_things() -> None:
    assert set(FR.catalogue) == set(EN.catalogue)
    for key, said in FR.catalogue.items():
        if isinstance(said, str):
            fields = [sorted(re.findall(r"\{(\w+)", t)) for t in (said, EN.catalogue[key])]
            assert set(fields[1]) <= set(fields[0]), key


def test_every_key_a_template_asks_for_exists() -> None:
    asked = {
        (f.name, key)
        for f in ROOM.glob("*/templates/*.html")
        for key in re.findall(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""", f.read_text("utf-8"))
    }
    many = {
        (f.name, f"{key}.one")
        for f in ROOM.glob("*/templates/*.html")
        for key in re.findall(r"""\bt\.many\(\s*["']([\w.]+)["']""", f.read_text("utf-8"))
    }
    assert len(asked) > 150
    assert not {found for found in asked | many if found[1] not in FR.catalogue}


def test_no_sentence_is_too_long_for_plain_language() -> None:
    long = [
        sentence
        for said in FR.catalogue.values()
        if isinstance(said, str)
        for sentence in re.split(r"(?<=[.?!])\s", said)
        if len(sentence.split()) > 25
    ]
    assert not long


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("fr", 0, "Aucun document"),
        ("fr", 1, "1 document"),
        ("fr", 214, "214 documents"),
        ("en", 1, "1 document"),
    ],
)
def test_counts(language: str, count: int, said: str) -> None:
    assert texts(language).many("documents.found", count) == said


def test_a_missing_key_is_refused_rather_than_shown() -> None:
    with pytest.raises(KeyError):
        FR("nothing.like.this")


def test_numbers_keep_their_digits() -> None:
    assert FR.number("1234567.50") == "1\u202f234\u202f567,50"
    assert EN.number("1234567.50") == "1,234,567.50"
    assert FR.number("-0.5") == "-0,5"
    assert FR.number("1E+3") == "1E+3"


def test_french_signs_never_stand_alone() -> None:
    assert typography("Pourquoi ? « Oui » : 5 %") == "Pourquoi\u202f? «\u202fOui\u202f»\u00a0: 5\u202f%"
    assert typography("dans : a and %resource :in") == "dans\u00a0: a and %resource :in"


@pytest.mark.parametrize(
    ("name", "of", "to"),
    [
        ("Yann", "de Yann", "à Yann"),
        ("Inès", "d'Inès", "à Inès"),
        ("Émile", "d'Émile", "à Émile"),
        ("Hugo", "d'Hugo", "à Hugo"),
        ("Dr Anne Morvan", "du Dr Anne Morvan", "au Dr Anne Morvan"),
    ],
)
def test_a_name_after_its_preposition(name: str, of: str, to: str) -> None:
    assert FR("home.hello_other", name=name) == f"Le dossier {of}"
    assert FR("give.title", who=name) == f"Ouvrir mon dossier {to}"


def test_a_sentence_keeps_the_capitals_it_has() -> None:
    assert sentence("18 November") == "18 November"
    assert sentence("hier") == "Hier"


def test_enumerations() -> None:
    assert FR.enumerate(["a", "b", "c"]) == "a, b et c"
    assert EN.enumerate(["a"]) == "a"
    assert FR.enumerate([]) == ""


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de, en;q=0.2, fr;q=0.7", "fr"),
        ("de", "fr"),
        ("en;q=nonsense, fr;q=0.1", "fr"),
    ],
)
def test_accept_language(accept: str, language: str) -> None:
    assert preferred(accept) == language


def test_catalogues_are_data_without_markup() -> None:
    for name in ("fr", "en"):
        raw = (ROOM / "frame" / "texts" / f"{name}.json").read_text("utf-8")
        assert json.loads(raw)
        assert "<" not in raw
