"""Pages from documents: whole, safe, accessible."""

import base64
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aubier.ground.problem import Problem
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.xml import parse_document, text_of
from aubier.services.record.page.html import MAX_SHOWN, render
from aubier.services.record.page.narrative import MAX_IMAGE
from aubier.services.record.page.text import plain_text
from tests.fuzz.work import seconds
from tests.where import SHARED

FILES = sorted((SHARED / "data" / "cda").glob("*.xml"))
_ELEMENTS = """article header section nav h1 h2 h3 h4 h5 h6 dl div dt dd p span sub sup br del ins ul ol li
    table caption thead tbody tfoot tr th td a img pre"""
_ATTRIBUTES = """class id lang href src alt role tabindex aria-label aria-labelledby colspan rowspan scope"""
ELEMENTS, ATTRIBUTES = set(_ELEMENTS.split()), set(_ATTRIBUTES.split())
BASE = (SHARED / "data" / "cda" / "LDL-SES_2022.01.xml").read_bytes()
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def page(narrative: str, extra: str = "") -> etree._Element:
    """The page of a document with one section of that narrative block."""
    section = (
        f"<component><structuredBody><component><section><title>Partie</title><text>{narrative}</text>{extra}"
        "</section></component></structuredBody></component></ClinicalDocument>"
    )
    head = BASE[: BASE.index(b"<structuredBody>")].rpartition(b"<component>")[0]
    return etree.fromstring(render(head + section.encode()))


def section_of(root: etree._Element) -> etree._Element:
    return root.find(".//section")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem[:40])
def test_every_published_document_is_a_well_formed_safe_page(file: Path) -> None:
    root = etree.fromstring(render(file.read_bytes(), link=lambda part: f"/documents/1/parts/{part}"))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    levels = [int(e.tag[1]) for e in root.iter() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    for element in root.iter():
        assert element.tag in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        href = element.get("href", "")
        assert not href or href.startswith("/documents/1/parts/") or href.removeprefix("#") in ids
        assert element.get("src", "data:image/png;base64,").startswith("data:image/")
        assert element.tag != "img" or element.get("alt")
        assert element.tag != "th" or (element.get("scope") in ("col", "row") and text_of(element))
        assert element.get("role") != "group" or element.get("aria-label")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem[:40])
def test_nothing_that_the_author_wrote_is_lost(file: Path) -> None:
    data = file.read_bytes()
    root, shown = parse_document(data), text_of(etree.fromstring(render(data)))
    said = plain_text(data)
    for section in root.iter("{urn:hl7-org:v3}section"):
        for text in section.iterfind("{urn:hl7-org:v3}text"):
            for piece in text.itertext():
                assert " ".join(piece.split()) in shown
                assert all(word in said for word in piece.split())
    header = read_header(root)
    assert header.title in shown and said.startswith(header.title)
    assert header.patient.name.text in shown and header.patient.ins.extension in shown


@pytest.mark.parametrize(
    "narrative",
    [
        "<script>alert(1)</script>",
        '<content onclick="alert(1)" style="position:fixed">x</content>',
        '<linkHtml href="javascript:alert(1)">x</linkHtml>',
        '<linkHtml href="data:text/html,x">x</linkHtml>',
        '<linkHtml href="https://elsewhere.example/track">x</linkHtml>',
        '<linkHtml href="#nowhere">x</linkHtml>',
        '<x:img xmlns:x="http://www.w3.org/1999/xhtml" src="http://elsewhere.example/"/>',
        '<iframe src="//elsewhere.example"/>',
        "<table><tbody><tr><td colspan='99999' rowspan='-1'>x</td></tr></tbody></table>",
        '<content ID="&quot;&gt;&lt;script&gt;">x</content>',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<![CDATA[<img src=x onerror=alert(1)>]]>",
        '<renderMultiMedia referencedObject="nothing"/>',
    ],
)
def test_nothing_active_or_remote_comes_through(narrative: str) -> None:
    root = page(narrative)
    for element in root.iter():
        assert element.tag in ELEMENTS - {"img"} and set(element.attrib) <= ATTRIBUTES - {"src"}
        assert element.get("href", "#").startswith("#")
        assert int(element.get("colspan", "1")) <= 200 and int(element.get("rowspan", "1")) >= 1


def test_an_address_elsewhere_is_told_not_linked() -> None:
    root = page('<linkHtml href="https://sante.example/avk">Fiche AVK</linkHtml>')
    assert "Fiche AVK (https://sante.example/avk)" in text_of(root)
    assert root.findall(".//a") == []


def test_a_link_inside_the_document_goes_to_its_place() -> None:
    root = page('<linkHtml href="#b">vers</linkHtml><content ID="b">ici</content>')
    assert root.find(".//section//a").get("href") == "#cda-b"
    assert root.find(".//span[@id='cda-b']").text == "ici"


def test_styles_lists_tables_and_line_ends() -> None:
    root = section_of(
        page(
            '<content styleCode="BoldItalics">a</content><content styleCode="Bold Underline">b</content>'
            '<content revised="delete">c</content><br/><sub>d</sub>'
            '<list listType="ordered"><caption>Titre</caption><item>e</item></list>'
            "<list><item>f</item></list>"
            "<table><caption>Bilan</caption><thead><tr><td>g</td><th/></tr></thead>"
            "<tbody><tr><th>h</th><td align='right'>i</td></tr></tbody></table>"
        )
    )
    assert [e.get("class") for e in root.iter("span")] == ["bold italic", "bold underline"]
    assert [root.find(f".//{tag}") is not None for tag in ("del", "br", "sub", "ol", "ul")] == [True] * 5
    heads = [(h.text, h.get("scope")) for h in root.iter("th")]
    assert heads == [("g", "col"), ("h", "row")]
    assert root.find(".//caption").text == "Bilan"
    assert root.find(".//td[@class='to-right']").text == "i"
    assert root.find(".//div[@role='group']").get("aria-label") == "Bilan"


def test_footnotes_are_numbered_with_a_way_back() -> None:
    root = page('Dose<footnote ID="n1">À jeun</footnote> puis<footnoteRef IDREF="n1"/>')
    calls = [a.get("href") for a in root.find(".//section").iter("a")]
    assert calls == ["#cda-note-1", "#cda-note-1"]
    note = root.find(".//ol[@class='document-notes']/li")
    assert text_of(note).startswith("À jeun") and note.find("a").get("href") == "#cda-call-1"


def media(kind: str, content: bytes, name: str = "m1") -> str:
    data = base64.b64encode(content).decode()
    return (
        f'<entry><observationMedia classCode="OBS" moodCode="EVN" ID="{name}">'
        f'<value mediaType="{kind}" representation="B64">{data}</value></observationMedia></entry>'
    )


def test_a_small_image_is_shown_with_its_caption() -> None:
    narrative = '<renderMultiMedia referencedObject="m1"><caption>Radio</caption></renderMultiMedia>'
    image = page(narrative, media("image/png", PNG)).find(".//img")
    assert image.get("alt") == "Radio"
    assert base64.b64decode(image.get("src").removeprefix("data:image/png;base64,")) == PNG


def test_an_image_that_is_of_another_kind_is_shown_as_what_it_is() -> None:
    image = page('<renderMultiMedia referencedObject="m1"/>', media("image/jpeg", PNG)).find(".//img")
    assert image.get("src").startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("image/png", b"<script>alert(1)</script>"),
        ("image/png", PNG + b"0" * MAX_IMAGE),
        ("text/html", b"<script>alert(1)</script>"),
    ],
)
def test_what_is_no_small_image_is_only_named(kind: str, content: bytes) -> None:
    root = page('<renderMultiMedia referencedObject="m1"/>', media(kind, content))
    assert root.find(".//img") is None and root.find(".//a") is None
    assert text_of(root.find(".//span[@class='document-file']"))


def test_a_file_that_no_text_mentions_is_offered_at_the_end() -> None:
    root = page("texte", media("application/pdf", b"%PDF-1.4"))
    assert "PDF" in text_of(root.find(".//section[@class='document-files']"))


def unstructured(kind: str, text: str, b64: bool = False) -> bytes:
    how = ' representation="B64"' if b64 else ""
    body = f'<component><nonXMLBody><text mediaType="{kind}"{how}>{text}</text></nonXMLBody></component>'
    head = BASE[: BASE.index(b"<structuredBody>")].rpartition(b"<component>")[0]
    return head + body.encode() + b"</ClinicalDocument>"


def test_a_pdf_body_is_offered_from_our_own_address() -> None:
    data = unstructured("application/pdf", base64.b64encode(b"%PDF-1.4").decode(), b64=True)
    root = etree.fromstring(render(data, link=lambda part: f"/d/{part}"))
    assert text_of(root.find(".//a[@href='/d/body']")).startswith("Ouvrir le document (PDF")
    assert etree.fromstring(render(data)).find(".//a") is None


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_text_body_is_shown_as_text(kind: str) -> None:
    root = etree.fromstring(render(unstructured(kind, "&lt;b&gt;Bonjour&lt;/b&gt;")))
    assert root.find(".//pre").text == "<b>Bonjour</b>"


def test_an_rtf_body_is_offered_as_a_file() -> None:
    data = unstructured("text/rtf", base64.b64encode(b"{\\rtf1}").decode(), b64=True)
    root = etree.fromstring(render(data, link=lambda part: f"/d/{part}"))
    assert "RTF" in text_of(root.find(".//a[@href='/d/body']"))


def test_titles_start_where_the_page_says_and_labels_speak_english() -> None:
    root = etree.fromstring(render(BASE, language="en", level=2))
    assert root.find("header/h2") is not None and root.find(".//h1") is None
    assert "Written by" in text_of(root.find("header"))


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=60))
@settings(max_examples=40)
def test_any_text_comes_out_as_text(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "\ufffe" in text or "\uffff" in text:
        return
    assert text in "".join(section_of(page(f"<paragraph>{escaped}</paragraph>")).itertext())


def test_plain_text_keeps_lines_and_cells() -> None:
    lines = plain_text(BASE).splitlines()
    assert "Modalité et date d'entrée en hospitalisation | 29/10/2018, Transfert" in lines
    assert "Traitements à la sortie" in lines
    assert plain_text(unstructured("text/plain", "Bonjour")).splitlines()[-1] == "Bonjour"


# -- documents made to take long ------------------------------------------------------------------------


def nested(before: str, after: str, times: int, inside: str) -> str:
    return before * times + inside + after * times


PIXELS = base64.b64encode(PNG + b"0" * 1_000_000).decode()
IMAGE = (
    "<observationMedia ID='m'><value mediaType='image/png' representation='B64'>"
    f"{PIXELS}</value></observationMedia>"
)
COSTLY = {
    "footnotes": "<footnote>a</footnote>" * 19_000 + "<footnoteRef IDREF='q'/>" * 19_000,
    "names": f"<renderMultiMedia referencedObject='{'z ' * 4_000_000}'/>",
    "text after nothing": ("<footnoteRef IDREF='q'/>" + "y" * 250) * 38_000,
    "siblings": "<paragraph>" + "<content>a</content>b" * 38_000 + "</paragraph>",
    "paragraphs in paragraphs": nested("<paragraph>", "</paragraph>", 60, "<content/>" * 38_000),
    "cells in cells": nested("<table><tr><td>", "</td></tr></table>", 20, " " * 9_000_000),
    "regions": "<renderMultiMedia referencedObject='z'/>" * 19_000 + "<regionOfInterest ID='r'/>" * 19_000,
    "one image again and again": IMAGE + "<renderMultiMedia referencedObject='m'/>" * 30_000,
    "files in files": nested(
        "<observationMedia><value>", "</value></observationMedia>", 30, "QUJD" * 2_000_000
    ),
}


@pytest.mark.parametrize("name", COSTLY)
def test_the_costliest_document_takes_less_than_two_seconds(name: str) -> None:
    made: list[etree._Element] = []
    assert seconds(lambda: made.append(page(COSTLY[name]))) < 2
    assert len(etree.tostring(made[0])) < 40_000_000


@pytest.mark.parametrize("narrative", ["<content/>" * (MAX_SHOWN + 1), "<list><item/></list>" * 25_000])
def test_a_narrative_nobody_could_read_is_refused_in_a_sentence(narrative: str) -> None:
    with pytest.raises(Problem) as caught:
        page(narrative)
    assert caught.value.kind == "too-long"
    assert "ouvrez son fichier" in caught.value.issues[0].fr


def test_footnotes_are_called_again_by_their_name() -> None:
    made = page(
        "<paragraph><footnote ID='a'>un</footnote><footnote>x</footnote><footnote ID='b'>deux</footnote>"
        "<footnoteRef IDREF='b'/>fin<footnoteRef IDREF='c'/><footnoteRef/> et fin</paragraph>"
    )
    (paragraph,) = made.findall(".//p")
    assert [a.text for a in paragraph.iter("a")] == ["1", "2", "3", "3"]
    assert "".join(paragraph.itertext()) == "1233fin et fin"


def test_text_stays_in_its_place_around_what_is_not_shown() -> None:
    made = page("<paragraph>a<col/>b<content>c</content>d<col/>e<br/>f<content/>g<col/></paragraph>")
    (paragraph,) = made.findall(".//p")
    assert etree.tostring(paragraph, encoding="unicode", with_tail=False) == (
        "<p>ab<span>c</span>de<br/>f<span/>g</p>"
    )


def test_images_beyond_the_room_of_a_page_are_offered_as_files() -> None:
    made = page(IMAGE + "<renderMultiMedia referencedObject='m'/>" * 30)
    assert len(made.findall(".//img")) == 19
    assert len(made.xpath(".//span[@class='document-file']")) == 11
