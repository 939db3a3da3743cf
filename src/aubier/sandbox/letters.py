"""The documents of the territory in their real form: CDA R2 N3 for what professionals write in hospitals."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aubier.sandbox.batch import INS_TEST
from aubier.sandbox.clinical.documents import Content, Letter, plain_text
from aubier.sandbox.territory.carers import Carer
from aubier.services.record.demo import Person, Place, Section, Story, Writer, cda

_MODELS = {
    "discharge": ("1.2.250.1.213.1.1.1.29", "urn:asip:ci-sis:ldl-ses:2017"),
    "stay": ("1.2.250.1.213.1.1.1.1", "urn:ihe:iti:xds-sd:text:2008"),
    "summary": ("1.2.250.1.213.1.1.1.13", "urn:asip:ci-sis:vsm:2012"),
    "emergency": ("1.2.250.1.213.1.1.1.1", "urn:ihe:iti:xds-sd:text:2008"),
    "psychiatry": ("1.2.250.1.213.1.1.1.1", "urn:ihe:iti:xds-sd:text:2008"),
    "referral": ("1.2.250.1.213.1.1.1.1", "urn:ihe:iti:xds-sd:text:2008"),
    "biology": ("1.2.250.1.213.1.1.1.55", "urn:asip:ci-sis:bio-cr-bio:2023"),
    "imaging": ("1.2.250.1.213.1.1.1.45", "urn:asip:ci-sis:img-cr-img:2022"),
}
"""Kinds written as CDA: template of the CI-SIS model, format code (TRE_A06)."""


def cda_letter(letter: Letter) -> Content:
    """The letter as CDA R2 N3 when its kind is one that software writes so; as plain text otherwise.

    A patient without INS, or a letter without professional author, stays plain text.
    """
    author = letter.author
    if letter.kind not in _MODELS or author is None or not letter.patient.ins:
        return plain_text(letter)
    model, form = _MODELS[letter.kind]
    parts = tuple(p for p in letter.paragraphs if p)
    section = Section(letter.title, (letter.code, letter.label), parts or (letter.title,))
    data = cda(
        _story(letter, author),
        (section,),
        kind=(letter.code, letter.label),
        title=letter.title,
        model=model,
        act=("ACT", letter.label, "2.16.840.1.113883.5.4"),
    )
    return Content(data, "application/xml", form)


def _story(letter: Letter, author: Carer) -> Story:
    when = datetime.fromisoformat(letter.when.replace("Z", "+00:00"))
    return Story(
        f"2.25.{UUID(letter.set_id.rpartition(':')[2]).int}.1", when, _person(letter), _writer(author)
    )


def _person(letter: Letter) -> Person:
    known = letter.patient
    return Person(
        ins=known.ins,
        ins_oid=INS_TEST.removeprefix("urn:oid:"),
        birth_name=known.family,
        given_names=" ".join(known.given),
        first_given=known.given[0],
        birth_date=known.birth.isoformat(),
        sex=known.sex,
        birth_place=known.birth_code,
        birth_city=known.birth_city,
        used_name=known.used_family,
    )


def _writer(author: Carer) -> Writer:
    place = Place(author.place.idnst, author.place.name)
    code = f"G15_{author.trade.profession}" + (f"/{author.trade.specialty}" if author.trade.specialty else "")
    return Writer(author.idnps, author.family, author.given, (code, author.trade.label), place, author.sex)
