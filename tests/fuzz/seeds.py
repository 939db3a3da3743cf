"""Valid inputs to begin from: published examples where there are some, ours elsewhere."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from functools import cache
from typing import Any

from tests.where import SHARED

RESOURCES = ("Patient-example", "Observation-f206", "MedicationRequest-medrx0302", "Questionnaire-bb")
_LARGEST = 6_000

EXTENDED: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A &lt; B</div>'},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Clinique"}],
    "extension": [{"url": "http://example.org/e", "valueDecimal": 1.10}],
    "identifier": [{"system": "urn:oid:1.2.3", "value": "1"}],
    "active": True,
    "name": [{"family": "Le Goff", "given": ["Anne", None], "_given": [None, {"id": "g"}]}],
    "birthDate": "1970-01-31",
    "_birthDate": {"extension": [{"url": "http://example.org/t", "valueTime": "10:00:00"}]},
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "#o"},
}


@cache
def resources() -> tuple[bytes, ...]:
    """Small FHIR resources in JSON, compact; the first one has something of everything."""
    folder = SHARED / "fixtures" / "fhir-r4-core-examples"
    found = [json.loads((folder / f"{name}.json").read_bytes()) for name in RESOURCES]
    written = (json.dumps(one, ensure_ascii=False).encode() for one in (EXTENDED, *found))
    return tuple(one for one in written if len(one) <= _LARGEST)


@cache
def documents() -> tuple[bytes, ...]:
    """A CDA document with every kind of part, small."""
    return (CDA.encode(),)


CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="1.2.250.1.213.1.1.1.13"/><id root="1.2.250.1.213.1.1.9" extension="7"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Synthèse"/><title>Compte rendu</title>
<effectiveTime value="20260131101500+0100"/><confidentialityCode code="N"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="279035121518989"/>
<patient><name><family qualifier="BR">LE GOFF</family><given>ANNE</given></name>
<administrativeGenderCode code="F"/><birthTime value="19790321"/></patient></patientRole></recordTarget>
<author><time value="2026"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="810000000001"/>
<code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5"/><assignedPerson><name><family>MORVAN</family>
<given>Yann</given></name></assignedPerson><representedOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1290000017"/><name>Centre</name></representedOrganization>
</assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1290000017"/><name>Centre</name></representedCustodianOrganization>
</assignedCustodian></custodian><relatedDocument typeCode="RPLC"><parentDocument>
<id root="1.2.250.1.213.1.1.9" extension="6"/></parentDocument></relatedDocument>
<documentationOf><serviceEvent><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime>
<low value="202601311015+0100"/><high value="20260131"/></effectiveTime></serviceEvent></documentationOf>
<component><structuredBody><component><section ID="s1"><title>Un</title><text><paragraph ID="p1">A
<content styleCode="Bold">B</content><br/><linkHtml href="#p1">C</linkHtml></paragraph>
<list listType="ordered"><item>1</item></list><table><thead><tr><th>a</th></tr></thead><tbody><tr>
<td colspan="2" rowspan="1">b</td></tr></tbody></table><footnote ID="f1">n</footnote><footnoteRef IDREF="f1"/>
<renderMultiMedia referencedObject="m1"/></text><entry><observationMedia
classCode="OBS" moodCode="EVN" ID="m1">
<value mediaType="image/png" representation="B64">iVBORw0KGgo=</value></observationMedia></entry></section>
</component></structuredBody></component></ClinicalDocument>"""


def package(*members: tuple[str, bytes]) -> bytes:
    """A FHIR package (.tgz) of these files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members:
            row = tarfile.TarInfo(name)
            row.size = len(content)
            archive.addfile(row, io.BytesIO(content))
    return gzip.compress(made.getvalue(), mtime=0)


def plain_package() -> bytes:
    """A small valid package."""
    head = {"name": "a.b", "version": "1.0.0", "canonical": "http://example.org", "dependencies": {"c": "1"}}
    return package(
        ("package/package.json", json.dumps(head).encode()),
        ("package/ValueSet-a.json", b'{"resourceType":"ValueSet","url":"http://example.org/v"}'),
        ("package/other/x.json", b"{}"),
    )
