"""What fuzzing found, each kept from coming back."""

import asyncio
import gzip
import io
import json
import tarfile
from email.utils import format_datetime
from pathlib import Path

import pytest

from aubier.fhir import packages, xml
from aubier.fhir.fhirpath import compile
from aubier.fhir.patch import fhirpath_patch
from aubier.ground.clock import moment_of
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Request
from aubier.portals.frame.forms import read_form
from aubier.rest.bundles import run
from aubier.rest.exchange import Call, decoded, unchanged
from aubier.rest.formats.bodies import Bodies
from aubier.rest.formats.parts import cookies_of
from aubier.services.record.cda.time import fhir_time
from aubier.services.subscriptions.asking import topics
from aubier.store.reading import Row
from aubier.terminology.meaning import regex
from aubier.terminology.nomenclatures import ccam, claml, loinc
from aubier.terminology.nomenclatures.load import recognise
from aubier.validation.profiles import Library, items
from aubier.validation.profiles.items import Item
from aubier.validation.walks.around.resolving import Surroundings
from aubier.validation.walks.slices import discriminate
from tests.fuzz.targets.exchanges import bundle_of, posted
from tests.fuzz.work import lines


def test_a_count_with_leading_zeros_is_no_way_around_the_bound() -> None:
    with pytest.raises(Problem) as refused:
        regex.parse("a{0000999999999}", "at")
    assert refused.value.kind == "value"


def test_a_class_without_a_character_is_refused_because_the_database_has_none() -> None:
    with pytest.raises(Problem) as refused:
        regex.parse(r"[^\s\S]", "at")
    assert refused.value.kind == "value"


def test_a_pattern_that_repeats_too_much_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        regex.parse(f"(?:{'a' * 400}){{255}}", "at")
    assert refused.value.kind == "too-costly"


def test_nested_repeats_end() -> None:
    node = regex.parse("(" * 19 + "a" + ")*" * 19)
    assert regex.matches(node, "a" * 200)
    assert not regex.matches(node, "a" * 200 + "b")


def test_a_null_character_in_a_comment_of_fhirpath_is_passed_over() -> None:
    assert compile("id // \0", "Patient")({"resourceType": "Patient", "id": "a"}) == ["a"]


@pytest.mark.parametrize("nothing", ["(?:)", "(?:a{0})", "(?:(?:))", "(?:(?:a{0}){9})"])
def test_nothing_repeated_ever_so_often_is_nothing(nothing: str) -> None:
    """It makes no step, so the bound on steps would never be met: four repeats took hours."""
    expression = f"'ab'.matches('a{'(?:' * 6}{nothing}{'{255})' * 6}b')"
    assert compile(expression, "Patient")({"resourceType": "Patient"}) == [True]


@pytest.mark.parametrize(
    "since", ["Sat, 31 Jan 99999999999999999999 10:00:00 GMT", "Sat, 31 Jan 2026 99999:0:0"]
)
def test_a_date_out_of_any_calendar_asks_for_nothing(since: str) -> None:
    row = Row("Patient", "1", 1, 1_790_000_000_000, b"{}")
    call = Call("GET", ("Patient", "1"), "", {"if-modified-since": since}, b"", "")
    assert not unchanged(call, row)
    call.headers["if-modified-since"] = format_datetime(moment_of(row.updated), usegmt=True)  # type: ignore[index]
    assert unchanged(call, row)


@pytest.mark.parametrize("name", ["CIS_bdpm.txt.gz", "CCAM.csv.gz", "Loinc.csv.gz", "cim.xml.gz"])
@pytest.mark.parametrize("damage", ["none", "cut", "turned"])
def test_a_damaged_packed_nomenclature_is_refused_by_name(tmp_path: Path, name: str, damage: str) -> None:
    packed = gzip.compress(b"<ClaML>CCAM version 1,LOINC_NUM" + bytes(range(256)) * 40)
    broken = {"none": b"no gzip", "cut": packed[:-20], "turned": packed[:40] + b"\xff" + packed[41:]}
    (tmp_path / name).write_bytes(broken[damage])
    with pytest.raises(Problem) as refused:
        found = recognise(tmp_path / name)
        assert found is not None
        list(found.concepts())
    assert refused.value.kind == "structure"
    assert name in refused.value.issues[0].text


@pytest.mark.parametrize("line", [b'"' + b"a" * 200_000 + b'"\n', b"," * (1 << 20)])
def test_an_endless_cell_or_line_of_a_table_is_refused(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "Loinc.csv").write_bytes(line)
    with pytest.raises(Problem) as refused:
        loinc.read(tmp_path / "Loinc.csv")
    assert refused.value.kind == "structure"


def test_a_tariff_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    rows = [
        f"AAAA00{n},,x,1,0,{tariff},,,,,"
        for n, tariff in enumerate(["NaN", "1e999999999", "9" * 60, "57.60"])
    ]
    (tmp_path / "t.csv").write_text("CCAM version 1,,,,\n1,,chapter,,,\n" + "\n".join(rows))
    found = list(ccam.read(tmp_path / "t.csv").concepts())
    told = [p.value for concept in found for p in concept.properties if p.code == "tariff"]
    assert [str(value) for value in told] == ["57.60"]


def test_a_comment_before_the_root_of_a_classification_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_bytes(b"<!-- a --><?b?><ClaML><Title name='C' version='1'>T</Title></ClaML>")
    assert claml.read(tmp_path / "c.xml").system.title == "T"


def test_a_classification_that_is_one_class_has_one_concept(tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_bytes(b"<!-- a --><Class code='A'><Title>T</Title></Class>")
    assert [c.code for c in claml.read(tmp_path / "c.xml").concepts()] == ["A"]


def test_a_name_as_large_as_a_bomb_is_not_unpacked() -> None:
    """The name of a member, and what is said of it, may be a member of its own: read whole by the library."""
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE):
        row = tarfile.TarInfo("x")
        row.type, row.size = kind, 64 << 20
        bomb = gzip.compress(row.tobuf() + bytes(1 << 20), 1)
        with pytest.raises(Problem) as refused:
            packages.manifest(io.BytesIO(bomb))
        assert refused.value.kind == "too-costly"


def test_a_cookie_in_quotes_is_read_and_its_escapes_stay() -> None:
    assert cookies_of({"cookie": 'a=b; pour="Patient/1"; c=d=e;f; g="' + "\\" * 3 + '"'}) == {
        "a": "b",
        "pour": "Patient/1",
        "c": "d=e",
        "g": "\\" * 3,
    }
    assert cookies_of({}) == {}


def _posted(head: bytes, body: bytes = b"v", boundary: str = "x") -> Request:
    kind = f"multipart/form-data; boundary={boundary}"
    whole = b"--x\r\n" + head + b"\r\n\r\n" + body + b"\r\n--x--\r\n"
    return Request("POST", "/", headers={"content-type": kind}, body=whole)


@pytest.mark.parametrize(
    "request_",
    [
        _posted(b"Content-Disposition: " + b"(" * 3_000),
        _posted(b'Content-Disposition: form-data; name="a"', boundary="y"),
        _posted(b'Content-Disposition: form-data; name="a"', boundary="x" * 71),
        _posted(b'Content-Disposition: form-data; name="a"', b"\r\n--x\r\nA: b\r\n\r\nc" * 101),
    ],
    ids=["head too long", "no boundary", "boundary too long", "too many parts"],
)
def test_a_form_of_several_parts_is_bounded(request_: Request) -> None:
    with pytest.raises(Problem) as refused:
        read_form(request_)
    assert refused.value.issues[0].at == ("http.body",)


def test_comments_in_the_head_of_a_part_are_no_recursion() -> None:
    assert read_form(_posted(b"Content-Disposition: " + b"(" * 1_000)).values == {}


def test_a_file_keeps_its_bytes_and_its_name() -> None:
    head = 'Content-Disposition: form-data; name="f"; filename="é.pdf"\r\nContent-Type: application/pdf'
    form = read_form(_posted(head.encode(), b"%PDF\r\n--\xff"))
    assert (form.uploads["f"].name, form.uploads["f"].media_type) == ("é.pdf", "application/pdf")
    assert form.uploads["f"].data == b"%PDF\r\n--\xff"


def test_a_definition_too_deep_to_be_walked_is_refused() -> None:
    """Its tree is walked by calls within calls: a path of a thousand names ended in a 500."""
    rows = [{"path": "Patient"}, {"path": "Patient" + ".extension" * 1_000}]
    deep = {"type": "Patient", "snapshot": {"element": rows}}
    with pytest.raises(Problem) as refused:
        Library(lambda canonical: deep).profile("http://a/deep")
    assert refused.value.kind == "too-costly"


def test_one_full_url_ten_thousand_times_is_told_once_and_at_once() -> None:
    """Each was looked for among all the others: some seconds of comparing."""
    bundle = bundle_of(*[posted("urn:uuid:1", {"resourceType": "Patient"})] * 10_000)
    kind = {"content-type": "application/fhir+json"}
    call = Call("POST", (), "", kind, bundle, "http://localhost/fhir")
    entries = run._entries(call.resource(), call.base, alone=False)
    found: list[Issue] = []
    assert lines(lambda: found.extend(run._twice(entries))) < 200_000
    assert [issue.kind for issue in found] == ["duplicate"]


def test_what_is_below_a_resource_is_walked_once_in_an_evaluation() -> None:
    """dom-3 asks it for each contained resource again: a hundred of them took more than a second."""
    find = compile("contained.select(%resource.descendants().count()).distinct()", "Patient")
    small, large = (
        {
            "resourceType": "Patient",
            "contained": [{"resourceType": "Patient", "id": f"{i}"} for i in range(n)],
        }
        for n in (20, 80)
    )
    assert find(large) == [160]
    assert lines(lambda: find(large)) < 8 * lines(lambda: find(small))


@pytest.mark.parametrize(
    "row",
    [
        {"resource": "Patient", "queryCriteria": {"current": True}},
        {"resource": "Patient", "fhirPathCriteria": ["a"]},
        {"resource": ["Patient"]},
    ],
)
def test_a_trigger_that_is_no_text_is_no_topic(row: dict[str, object]) -> None:
    made = {"resourceType": "SubscriptionTopic", "url": "http://a/t", "resourceTrigger": [row]}
    for text in (json.dumps(made), "[" * 100_000):
        with pytest.raises(Problem) as refused:
            topics._topic("a.json", text)
        assert "a.json" in refused.value.issues[0].text


def test_an_element_called_resource_type_is_no_resource() -> None:
    """ExampleScenario.instance has one: it was lost on its way in from XML, and refused on its way out."""
    scenario = {
        "resourceType": "ExampleScenario",
        "status": "draft",
        "instance": [{"resourceId": "a", "resourceType": "Patient", "name": "b"}],
    }
    assert xml.parse(xml.dumps(scenario)) == scenario


def test_the_first_hour_of_all_has_an_offset() -> None:
    assert fhir_time("000101010000") == "0001-01-01T00:00:00+01:00"
    assert fhir_time("999912312359") == "9999-12-31T23:59:00+01:00"
    assert [fhir_time(f"202603290{h}00")[-6:] for h in (1, 2, 3)] == ["+01:00", "+02:00", "+02:00"]


def test_contained_resources_are_looked_for_in_an_index() -> None:
    """Each reference looked at all of them: 1,600 took 3.5 s, in 165 kB."""

    def looked_for(n: int) -> int:
        inside = [{"resourceType": "Patient", "id": f"c{i}"} for i in range(n)]
        named = [{"reference": f"#c{i}"} for i in range(n)]
        holder = items.root({"resourceType": "Group", "contained": inside, "member": named})
        asked = [Item(value, None, "Reference", holder, "entity", "", holder) for value in named]
        around = Surroundings()
        return lines(lambda: [around.resolve(one) for one in asked])

    assert looked_for(400) < 5 * looked_for(100)


def test_slices_of_a_slice_that_is_not_the_last_are_not_too_many() -> None:
    """Each is put beside its slice, before the others: twenty thousand took minutes."""

    def profile(n: int) -> object:
        names = ["a", "b", *(f"a/{i}" for i in range(n))]
        cut = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
        rows = [{"path": "Patient.identifier", "sliceName": name} for name in names]
        base = "http://hl7.org/fhir/StructureDefinition/Patient"
        listed = [{"path": "Patient.identifier", "slicing": cut}, *rows]
        made = {"type": "Patient", "baseDefinition": base, "differential": {"element": listed}}
        return Library(lambda canonical: made).profile("http://a/b")

    assert profile(200) is not None
    with pytest.raises(Problem) as refused:
        profile(3_000)
    assert refused.value.kind == "too-costly"


def test_a_discriminator_path_without_end_is_not_taken_apart() -> None:
    """What was left was copied at each step: time as the square of its length."""
    assert discriminate.steps("resolve()." * 50 + "a") is not None
    assert discriminate.steps("resolve()." * 50_000 + "a") is None


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Problem) as refused:
        await Bodies(1000, 0.01).coming({}, never).read()
    assert refused.value.issues[0].at == ("http.body",)


@pytest.mark.parametrize("query", ["a=%00", "%00=a"])
def test_a_null_character_is_refused_wherever_a_query_has_it(query: str) -> None:
    with pytest.raises(Problem) as refused:
        decoded(query)
    assert refused.value.issues[0].at[0].startswith("http.")


def test_many_operations_on_a_large_resource_are_too_much() -> None:
    """Each looks through the whole resource: a thousand, on one of 30 MB, would take hours."""
    parts = [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.name[0]"}]
    operation = {"name": "operation", "part": parts}
    change = fhirpath_patch({"resourceType": "Parameters", "parameter": [operation] * 1_000})
    with pytest.raises(Problem) as refused:
        change({"resourceType": "Patient", "name": [{"family": "a"}] * 2_000})
    assert refused.value.kind == "too-costly"
    assert change({"resourceType": "Patient", "name": [{"family": "a"}]}) == {"resourceType": "Patient"}
