"""What is searched as words: narratives without their markup, texts without what is no word."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.search.terms.words import MOST, words_of


def patient(**parts: object) -> dict[str, object]:
    return {"resourceType": "Patient", **parts}


@pytest.mark.parametrize(
    ("div", "told"),
    [
        ("<div>Œdème  aigu</div>", "oedeme aigu"),
        ("<div><p>un</p><p>deux</p>trois<br/>quatre</div>", "un deux trois quatre"),
        ("<div>hyper<b>tension</b></div>", "hypertension"),
        ("<div>a &lt; b &eacute;t&#233;</div>", "a < b ete"),
        ("<div title='no'><!-- no -->yes</div>", "yes"),
        ("<div>not closed <p>at all", "not closed at all"),
        ("<div>a\0b</div>", "a b"),
        ("<div>caf&eacute;", "cafe"),
        ("<div>caf&eacut", "caf&eacut"),
        ("<div>un<![x[ deux ]]>trois", "untrois"),
        ("<div>un<p title='", "un"),
    ],
)
def test_narratives(div: str, told: str) -> None:
    assert words_of(patient(text={"status": "generated", "div": div})) == (told, "")


def test_texts_and_codes_without_addresses_and_ids() -> None:
    found = words_of(
        patient(
            id="p1",
            meta={"source": "urn:x"},
            name=[{"use": "official", "family": "Le Gall", "given": ["Zoé"]}],
            identifier=[{"system": "urn:s", "value": "A12"}],
            generalPractitioner=[{"reference": "Practitioner/1", "display": "Dr Kermarrec"}],
            active=True,
            contained=[{"resourceType": "Basic", "id": "b", "code": {"text": "Note"}}],
        )
    )
    assert found == ("", "le gall zoe a12 dr kermarrec note")


def test_dates_and_addresses_are_no_words() -> None:
    found = words_of(
        patient(
            birthDate="1980-03-11",
            deceasedDateTime="2026-03-11T10:00:00.5+02:00",
            identifier=[{"value": "urn:uuid:1"}],
            photo=[{"title": "https://x.example/a"}],
            name=[
                {"text": "2026-03 et après", "period": {"start": "2026-03", "end": "2027-01-01T00:00:00Z"}}
            ],
            note="12-34 2026",
        )
    )
    assert found == ("", "2026-03 et apres 12-34 2026")


def test_a_section_is_among_the_texts() -> None:
    section = {"title": "Motif", "text": {"status": "generated", "div": "<div>Fi<i>èvre</i></div>"}}
    assert words_of({"resourceType": "Composition", "section": [section]}) == ("", "motif generated fievre")


@pytest.mark.parametrize("kind", ["Slot", "Binary"])
def test_types_without_words(kind: str) -> None:
    assert words_of({"resourceType": kind, "name": [{"family": "x"}]}) == ("", "")


def test_they_are_bounded() -> None:
    told, rest = words_of(patient(text={"div": "<div>" + "é " * MOST + "</div>"}, note="ﷺ" * MOST))
    assert len(told) <= MOST and len(rest) <= MOST


@pytest.mark.parametrize("inside", ["<a ", "<!-- ", "</a ", "&#", "<a b='"])
def test_a_comment_that_is_cut_is_read_once(inside: str) -> None:
    began = process_time()
    div = f"<div>said<!-- {inside * (2 * MOST)} --></div>"
    assert words_of(patient(text={"div": div})) == ("said", "")
    assert process_time() - began < 5


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(_JSON, _JSON)
def test_nothing_raises(text: object, other: object) -> None:
    told, rest = words_of(patient(text=text, other=other))
    assert "\0" not in told + rest
