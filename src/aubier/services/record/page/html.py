"""A readable page from any CDA R2 document: header in plain words, sections, tables, files.

No stylesheet of the sender is run, nothing is fetched, no script or style comes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lxml import etree

from aubier.ground.problem import problem
from aubier.ground.text import fold_name
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.model import INS_TEST, Header, Organization, Part, Party, PatientRole
from aubier.services.record.cda.parts import BODY, read_parts
from aubier.services.record.cda.time import plain_time
from aubier.services.record.cda.xml import HL7, every, first, has_text, parse_document, text_of
from aubier.services.record.page.narrative import (
    Node,
    Page,
    add,
    index_blocks,
    index_regions,
    render_footnotes,
    render_narrative,
    show_part,
)
from aubier.services.record.page.words import words

_VOID = {"br", "img"}
_CONTENTS_FROM = 5
MAX_SHOWN = 40_000
"""The most elements of narrative shown on one page: the largest published example has 600."""


def _place(organization: Organization) -> str:
    return organization.name


def _who(party: Party) -> str:
    """A person or device with profession and organization, for one line."""
    parts = [party.text, party.specialty.display, _place(party.organization)]
    return ", ".join(dict.fromkeys(p for p in parts if p))


def _patient(patient: PatientRole, page: Page, language: str) -> str:
    words_ = page.words
    born = ""
    if patient.birth_date:
        how = words_.get(f"born-{patient.gender}", words_["born"])
        born = f"{how} {plain_time(patient.birth_date, language)}"
        born += f" {words_['born-at']} {patient.birth_city.title()}" if patient.birth_city else ""
    return ", ".join(p for p in (patient.name.text, born, words_.get(patient.gender, "")) if p)


def _ins(patient: PatientRole, page: Page) -> str:
    if patient.ins is None:
        return ""
    test = f" ({page.words['ins-test']})" if patient.ins.root in INS_TEST else ""
    return patient.ins.extension + test


def _acts(header: Header, page: Page, language: str) -> Iterator[str]:
    for event in header.events:
        label = event.code.display or event.code.text
        start, end = (plain_time(t, language) for t in (event.start, event.end))
        when = f"{page.words['from']} {start} {page.words['to']} {end}" if start and end else start
        if label or when:
            yield ", ".join(p for p in (label, when) if p)


def _facts(header: Header, page: Page, language: str) -> Iterator[tuple[str, list[str]]]:
    """Label and lines of each fact of the header, in reading order."""
    yield "patient", [_patient(header.patient, page, language)]
    yield "ins", [_ins(header.patient, page)]
    yield "type", [header.code.display or header.code.code]
    yield "date", [plain_time(header.date, language)]
    yield "author", [_who(a) for a in header.authors]
    if header.signer and fold_name(header.signer.text) not in {fold_name(a.text) for a in header.authors}:
        yield "signer", [_who(header.signer)]
    yield "recipient", [_who(r) for r in header.recipients]
    yield "act", list(_acts(header, page, language))
    yield "custodian", [_place(header.custodian)]
    yield "confidentiality", [page.words.get(header.confidentiality.code, "")]
    yield "replaces", [page.words["replaces-text"] for r in header.related if r.how == "RPLC"]
    yield "version", [header.version if header.version not in ("", "1") else ""]


def _head(header: Header, target: Node, page: Page, *, level: int, language: str) -> None:
    made = add(target, "header", class_="document-head")
    add(made, f"h{level}", header.title)
    facts = add(made, "dl", aria_label=page.words["identity"])
    for label, lines in _facts(header, page, language):
        kept = list(dict.fromkeys(line for line in lines if line))
        if kept:
            group = add(facts, "div")
            add(group, "dt", page.words[label])
            for line in kept:
                add(group, "dd", line)


def _title(section: Node, page: Page) -> str:
    """The title of a section, else the label of its code."""
    code = first(section, "code")
    label = "" if code is None else code.get("displayName", "")
    return text_of(first(section, "title")) or label or page.words["untitled"]


def _section(source: Node, target: Node, page: Page, *, level: int, number: str) -> None:
    title = _title(source, page)
    made = add(target, "section", class_="document-section")
    add(made, f"h{min(level, 6)}", title, id=f"cda-part-{number}")
    page.heading = title[:300]
    text = first(source, "text")
    inner = list(every(source, "component/section"))
    if text is not None and (has_text(text) or first(text, "*") is not None):
        render_narrative(text, made, page)
    elif not inner:
        add(made, "p", page.words["coded" if first(source, "entry") is not None else "empty"])
    for place, section in enumerate(inner, start=1):
        _section(section, made, page, level=level + 1, number=f"{number}-{place}")


def _contents(sections: list[Node], target: Node, page: Page) -> None:
    if len(sections) < _CONTENTS_FROM:
        return
    made = add(target, "nav", class_="document-contents", aria_label=page.words["contents"])
    items = add(made, "ol")
    for number, section in enumerate(sections, start=1):
        add(add(items, "li"), "a", _title(section, page), href=f"#cda-part-{number}")


def _unstructured(part: Part, target: Node, page: Page) -> None:
    """An N1 body: text as text, a small image as an image, anything else as a link to our own URL.

    A PDF is linked, not embedded: our pages forbid plugins.
    """
    page.shown.add(part.id)
    if part.media_type in ("text/plain", "text/html", "text/xml"):
        add(target, "pre", part.content.decode("utf-8", "replace"), class_="document-text", tabindex="0")
        return
    show_part(part, add(target, "p"), page, page.words["open"])


def _body(root: Node, target: Node, page: Page, *, level: int) -> None:
    sections = list(every(root, "component/structuredBody/component/section"))
    _contents(sections, target, page)
    for number, section in enumerate(sections, start=1):
        _section(section, target, page, level=level + 1, number=str(number))
    if BODY in page.parts:
        _unstructured(page.parts[BODY], target, page)
    elif not sections:
        add(target, "p", page.words["empty"])
    render_footnotes(target, page)
    rest = [p for p in page.parts.values() if p.id not in page.shown]
    if rest:
        made = add(target, "section", class_="document-files")
        add(made, f"h{level + 1}", page.words["files"], id="cda-files")
        items = add(made, "ul")
        for part in rest:
            show_part(part, add(items, "li"), page)


def _write(made: Node) -> str:
    """The tree as text that reads the same as HTML and as XML: only void elements close themselves."""
    for element in made.iter():
        if element.tag not in _VOID and not len(element) and element.text is None:
            element.text = ""
    return str(etree.tostring(made, encoding="unicode", method="xml"))


def _bound(root: Node) -> None:
    """Refuses a document whose narrative would make a page too long to be read, and seconds to make."""
    left = MAX_SHOWN
    for text in root.iter(f"{{{HL7}}}text"):
        above = text.getparent()
        left -= sum(1 for _ in text.iter()) if above is not None and above.tag == f"{{{HL7}}}section" else 0
        if left < 0:
            raise problem(
                "too-long",
                "This document is too long to be shown as a page: open its file",
                "Ce document est trop long pour être affiché en page : ouvrez son fichier",
                at="ClinicalDocument.component.structuredBody",
            )


def render(
    data: bytes, *, link: Callable[[str], str] | None = None, language: str = "fr", level: int = 1
) -> str:
    """A CDA R2 document as one safe, well-formed HTML `<article>`, to be put inside a page.

    `link(part id)` gives our own URL of a file inside the document (`body`, or an observationMedia's
    ID); without it files are named, not linked. `level` is the heading level of the title (1 to 4).
    Styling hangs on classes `document-*`. Errors: as `parse_document` and `read_header`;
    `too-long` beyond MAX_SHOWN elements of narrative.
    """
    root = parse_document(data)
    _bound(root)
    header = read_header(root)
    known = frozenset(str(i) for i in root.xpath("//@ID"))
    parts = {p.id: p for p in read_parts(root)}
    page = Page(
        parts=parts,
        words=words(language),
        link=link,
        known=known,
        regions=index_regions(root),
        blocky=index_blocks(root),
    )
    article = etree.Element("article")
    article.set("class", "document")
    article.set("lang", header.language)
    _head(header, article, page, level=level, language=language)
    _body(root, article, page, level=level)
    return _write(article)
