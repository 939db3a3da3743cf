from datetime import UTC, datetime

import pytest

from aubier.ground.rows import Request
from aubier.portals.frame.house import Content
from aubier.portals.frame.texts import texts
from aubier.portals.reading import listing
from aubier.portals.reading.files import file_response
from aubier.portals.reading.papers import families, hidden_from, paper, papers, size_words
from tests.browser import story
from tests.where import SHARED

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FR = texts("fr")


def test_a_document_in_words() -> None:
    found = paper(story.documents()[0], NOW, FR)
    assert found.title == "Lettre de sortie, cardiologie"
    assert found.source.replace("\u00a0", " ") == "CHU de Rennes, Dr Hervé Tanguy"
    assert (found.family, found.day, found.new, found.masked) == ("reports", "18\u00a0novembre", True, False)


def test_versions_of_one_report_are_folded() -> None:
    found = papers(story.documents(), NOW, FR)
    analyses = [p for p in found if p.family == "biology"]
    assert [p.versions for p in analyses] == [2]
    assert len(found) == len(story.documents()) - 1


def test_masks_are_told() -> None:
    masked = next(p for p in papers(story.documents(), NOW, FR) if p.id == "psy")
    assert masked.masked
    assert not masked.new


def test_an_old_document_loaded_today_is_not_news() -> None:
    old = story.document(
        "o", "Ancien", "11488-4", "CR", "2019-01-01", meta={"lastUpdated": "2026-11-22T08:00:00Z"}
    )
    assert not paper(old, NOW, FR).new


def test_a_document_of_which_nothing_is_known() -> None:
    found = paper({"resourceType": "DocumentReference", "id": "x"}, NOW, FR)
    assert (found.title, found.kind, found.source, found.day) == (
        "Document sans titre",
        "Autre document",
        "",
        "",
    )


def test_families_share_no_code_and_only_name_published_types() -> None:
    codes = [code for f in families() for code in f.codes]
    assert len(codes) == len(set(codes))
    published = SHARED / "fixtures" / "nos-terminologies" / "ValueSet-JDV-J07-XdsTypeCode-CISIS.partial.json"
    if not published.exists():
        pytest.skip("the published value set is not on this machine")
    text = published.read_text("utf-8")
    assert not [code for code in codes if f'"{code}"' not in text]


@pytest.mark.parametrize(
    ("size", "said"), [(0, ""), (225, "1 ko"), (214_312, "214 ko"), (1_240_000, "1,2 Mo")]
)
def test_sizes(size: int, said: str) -> None:
    assert size_words(size, FR) == said


def ask(**query: str) -> tuple[listing.Filters, dict[str, str]]:
    filters, errors = listing.read_filters(Request("GET", "/d", query=tuple(query.items())))
    return filters, dict(errors)


def test_filters_become_a_fhir_search() -> None:
    filters, errors = ask(q="knee, left", type="imaging", auteur="Morvan", du="2024-01-01", au="2024-12-31")
    assert not errors
    asked = listing.criteria("yann", filters)
    assert ("description:contains", "knee\\, left") in asked
    assert ("author:Practitioner.name:contains", "Morvan") in asked
    assert ("date", "ge2024-01-01") in asked and ("date", "le2024-12-31") in asked
    assert "18748-4" in dict(asked)["type"]


def test_words_of_people_find_words_of_titles() -> None:
    for word in ("cœur", "Coeur", "COEUR"):
        assert "cardio" in dict(listing.criteria("y", listing.Filters(words=word)))["description:contains"]


def test_a_wrong_date_is_told() -> None:
    assert ask(du="2026-02-31")[1] == {"du": "error.date"}
    assert ask(du="2026-02")[1] == {"du": "error.date"}
    assert ask(du="2026-03-01", au="2026-02-01")[1] == {"au": "error.date_order"}
    assert ask(type="nonsense")[0].kind == ""


@pytest.mark.parametrize(
    ("code", "whom"),
    [
        ("N", set()),
        ("MASQUE_PS", {"ps"}),
        ("INVISIBLE_PATIENT", {"patient"}),
        ("INVISIBLE_REP_LEGAUX", {"rep"}),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", {"rep"}),
    ],
)
def test_from_whom_a_document_is_hidden(code: str, whom: set[str]) -> None:
    assert hidden_from({"securityLabel": [{"coding": [{"code": "N"}, {"code": code}]}]}) == whom
    assert all(FR.has(f"hidden.{who}") for who in whom)


def test_chips_keep_the_other_filters_and_hide_empty_families() -> None:
    found = listing.chips(
        "/d", listing.Filters(words="sang", kind="biology"), {"biology": 3, "vaccines": 0}, 5
    )
    assert [(c.key, c.count, c.current) for c in found] == [("all", 5, False), ("biology", 3, True)]
    assert found[0].href == "/d?q=sang"
    assert listing.address("/d", listing.Filters()) == "/d"


def test_a_file_is_sent_as_it_came_under_its_own_headers_and_kept_by_no_cache() -> None:
    harmless = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "private, no-cache"}
    sent = file_response(Content("application/pdf", b"x", headers=harmless))
    assert (sent.body, sent.media_type) == (b"x", "application/pdf")
    assert sent.headers == {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}
