"""What the header of a CDA says."""

from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.model import Header, Id
from aubier.services.record.cda.parts import BODY, looks_like, read_parts
from aubier.services.record.cda.xml import parse_document
from tests.where import SHARED

FILES = sorted((SHARED / "data" / "cda").glob("*.xml"))


def data(name: str) -> bytes:
    return (SHARED / "data" / "cda" / f"{name}.xml").read_bytes()


def header(name: str) -> Header:
    return read_header(parse_document(data(name)))


def changed(name: str, old: bytes, new: bytes) -> bytes:
    whole = data(name)
    assert old in whole
    return whole.replace(old, new, 1)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem[:40])
def test_every_published_document_has_a_whole_header(file: Path) -> None:
    found = read_header(parse_document(file.read_bytes()))
    assert found.id.unique.startswith("urn:oid:1.")
    assert found.code.code and found.code.display and found.title and "T" in found.date
    assert found.patient.ins is not None and found.patient.name.birth_family
    assert len(found.patient.birth_date) == 10 and len(found.patient.birth_place) == 5
    assert found.authors and all(a.text and a.ids for a in found.authors)
    assert found.custodian.ids[0].root == "1.2.250.1.71.4.2.2"
    assert found.stay.facility.code.startswith("SA")
    assert found.language == "fr-FR" and found.confidentiality.code == "N"


def test_there_are_fifty_two_of_them() -> None:
    assert len(FILES) == 52


def test_a_discharge_letter_in_full() -> None:
    found = header("LDL-SES_2022.01")
    assert found.id == Id("1.2.250.1.213.1.1.1.29.2022.1.1")
    assert (found.code.code, found.code.system) == ("11490-0", "2.16.840.1.113883.6.1")
    assert found.date == "2019-12-03T13:30:00+01:00"
    patient = found.patient
    assert patient.ins == Id("1.2.250.1.213.1.4.10", "279035121518989")
    assert (patient.name.birth_family, patient.name.birth_given) == ("PAT-TROIS", "DOMINIQUE")
    assert patient.name.birth_givens == "DOMINIQUE MARIE-LOUISE"
    assert (patient.gender, patient.birth_date, patient.birth_place) == ("F", "1979-03-28", "51215")
    assert [r.text for r in found.recipients] == ["Dr Charles BOILEAU", "Mme Elsa DUCOUT"]
    assert found.signer is not None and found.signer.text == "Pr Léon AUGUIN"
    assert (found.events[0].start, found.events[0].end) == (
        "2019-10-29T11:17:00+01:00",
        "2019-12-03T13:30:00+01:00",
    )
    assert found.body == "N3" and found.version == "1"


def test_an_author_may_be_a_device() -> None:
    (author,) = header("CNAM-HR_2021.01").authors
    assert (author.device, author.specialty.code) == ("Assurance Maladie", "ALIM_AM")
    assert author.ids[0].extension == "518003502400041/1.2.250.1.215.1.2"


def test_a_married_name_and_a_birth_name() -> None:
    name = header("OBP-SCM_2024.01").patient.name
    assert (name.family, name.birth_family) == ("DECOURCY", "NESSI")
    assert name.text == "Marie DECOURCY (nom de naissance : NESSI)"


def test_a_replaced_document_is_named() -> None:
    (related,) = header("CNAM-HR_2021.01_sans-info").related
    assert (related.how, related.id.unique, related.version) == ("RPLC", "1.2.250.1.213.1.1.9^10002-1", "1")


def test_an_unstructured_body_is_told() -> None:
    found = header("DOC_NON_STRUCTURE_CDA-R2-N1")
    assert (found.body, found.media_type) == ("N1", "application/pdf")


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        (b"<effectiveTime value=", b"<other value=", {"ClinicalDocument.effectiveTime"}),
        (b'code="11490-0"', b"", {"ClinicalDocument.code"}),
    ],
)
def test_a_missing_value_is_named(old: bytes, new: bytes, places: set[str]) -> None:
    whole = changed("LDL-SES_2022.01", old, new)
    if b"<other value=" in whole:
        head, tail = whole.split(b"<other value=", 1)
        whole = head + b"<other value=" + tail.replace(b"/>", b"/>", 1)
    with pytest.raises(Problem) as refused:
        read_header(parse_document(whole))
    assert {at for i in refused.value.issues for at in i.at} == places


def test_an_empty_document_lacks_everything_at_once() -> None:
    with pytest.raises(Problem) as refused:
        read_header(parse_document(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'))
    assert len(refused.value.issues) == 7
    assert all(i.kind == "required" and i.fr for i in refused.value.issues)


def test_a_false_time_is_refused_in_its_place() -> None:
    whole = changed("LDL-SES_2022.01", b'<birthTime value="19790328"', b'<birthTime value="19791328"')
    with pytest.raises(Problem) as refused:
        read_header(parse_document(whole))
    assert refused.value.issues[0].at[0].endswith("birthTime")


def test_the_files_inside_come_out_whole() -> None:
    (body,) = read_parts(parse_document(data("DOC_NON_STRUCTURE_CDA-R2-N1")))
    assert (body.id, body.media_type, len(body.content)) == (BODY, "application/pdf", 326650)
    assert looks_like("application/pdf", body.content)
    parts = {p.id: p for p in read_parts(parse_document(data("BIO-CR-BIO_2023.01_Electrophorese")))}
    assert looks_like("image/png", parts["ELECTROPHORESE"].content)
    assert not looks_like("image/jpeg", parts["ELECTROPHORESE"].content)


def test_content_that_is_not_base64_is_refused() -> None:
    whole = changed("DOC_NON_STRUCTURE_CDA-R2-N1", b'representation="B64">', b'representation="B64">*!')
    with pytest.raises(Problem, match="base64"):
        read_parts(parse_document(whole))
