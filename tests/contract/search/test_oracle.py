"""Every answer of the server is the one that the book gives, id by id."""

from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest

from aubier.store.reading.links import included as links
from tests.contract.desk import following, ids
from tests.contract.search.conftest import DIRECTORY, MINE, Library
from tests.contract.search.judging import ALL, agree
from tests.contract.search.oracle import TABLE, Oracle
from tests.contract.search.questions import LINKS, Asker

KINDS = sorted(TABLE)
RECORDS = sorted(set(TABLE) - DIRECTORY)
READERS = ("loader", "doctor")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_parameter(library: Library, kind: str) -> None:
    await agree(library, "loader", kind, list(Asker(library.oracles["loader"], 1).every(kind)))


@pytest.mark.parametrize("kind", RECORDS)
async def test_every_parameter_for_one_who_sees_half(library: Library, kind: str) -> None:
    await agree(library, "doctor", kind, list(Asker(library.oracles["loader"], 2).every(kind, 1)))


@pytest.mark.parametrize("login", READERS)
async def test_several_parameters_at_once(library: Library, login: str) -> None:
    for kind in KINDS:
        asker = Asker(library.oracles[login], 3)
        questions = [q for q in (asker.several(kind) for _ in range(60)) if asker.oracle.search(kind, q)]
        assert len(questions) >= 10, kind
        await agree(library, login, kind, questions[:10])


@pytest.mark.parametrize("login", READERS)
async def test_chains(library: Library, login: str) -> None:
    for kind in sorted(LINKS) if login == "loader" else RECORDS:
        asker = Asker(library.oracles[login], 4)
        questions = [q for q in (asker.chain(kind) for _ in range(60)) if asker.oracle.search(kind, q)]
        assert len(questions) >= 8, kind
        await agree(library, login, kind, questions[:8])


@pytest.mark.parametrize("login", READERS)
async def test_reverse_chains(library: Library, login: str) -> None:
    kinds = (
        ("Patient", "Encounter")
        if login == "doctor"
        else ("Patient", "Encounter", "Practitioner", "Organization")
    )
    for kind in kinds:
        asker = Asker(library.oracles[login], 5)
        questions = [q for q in (asker.has(kind) for _ in range(80)) if asker.oracle.search(kind, q)]
        assert len(questions) >= 12, kind
        await agree(library, login, kind, questions[:12])


@pytest.mark.parametrize("login", READERS)
async def test_filters(library: Library, login: str) -> None:
    for kind in KINDS if login == "loader" else RECORDS:
        asker = Asker(library.oracles[login], 8)
        questions = [q for q in (asker.filter(kind) for _ in range(80)) if asker.oracle.search(kind, q)]
        assert len(questions) >= 12, kind
        await agree(library, login, kind, questions[:12])


@pytest.mark.parametrize("login", READERS)
async def test_from_one_date_to_another(library: Library, login: str) -> None:
    oracle = library.oracles[login]
    born = sorted({str(p["birthDate"]) for p in oracle.of("Patient") if len(p.get("birthDate", "")) == 10})
    first, last = born[len(born) // 4], born[3 * len(born) // 4]
    questions = [
        [("birthdate", f"ge{first}"), ("birthdate", f"le{last}")],
        [("birthdate", f"gt{first}"), ("birthdate", f"lt{last}")],
        [("birthdate", f"ge{first},{last}"), ("birthdate", f"lt{last}")],
        [("birthdate:missing", "false"), ("birthdate", f"ge{first}")],
        [("birthdate:missing", "true"), ("birthdate", f"ge{first}")],
    ]
    assert all(oracle.search("Patient", q) for q in questions[:4])
    await agree(library, login, "Patient", questions)


SORTS = {
    "Patient": (
        "birthdate",
        "-birthdate",
        "family",
        "-name",
        "_id",
        "-_id",
        "gender,-birthdate",
        "-gender,family",
        "identifier",
        "active,_id",
    ),
    "Observation": (
        "date",
        "-date",
        "-value-quantity",
        "value-quantity,-date",
        "-_lastUpdated",
        "_lastUpdated,-_id",
        "status,-date",
        "code,-status,_id",
        "-code,value-quantity,date",
        "-identifier,category",
    ),
    "Organization": ("active,-name", "-identifier"),
    "Encounter": ("-status,date", "class"),
    "Condition": ("onset-date", "-recorded-date,_id", "subject", "-onset-age"),
    "DocumentReference": ("-date,_id", "description", "location"),
    "ValueSet": ("name,-date", "-url", "title,_id"),
    "RiskAssessment": ("probability", "-probability,-date"),
}


def in_order(oracle: Oracle, kind: str, found: list[str], sort: str) -> bool:
    """Whether each key is not after the next one, missing values last whichever way."""
    keys = [(k.removeprefix("-"), k.startswith("-")) for k in sort.split(",")]
    rows = [[oracle.sort_key(oracle.named[f], code, down=down) for code, down in keys] for f in found]

    def before(one: list[object], other: list[object]) -> bool:
        for (_, down), a, b in zip(keys, one, other, strict=True):
            if a != b:
                return b is None if a is None or b is None else (a > b) == down  # type: ignore[operator]
        return True

    return all(before(a, b) for a, b in pairwise(rows))


@pytest.mark.parametrize("login", READERS)
async def test_sort(library: Library, login: str) -> None:
    oracle = library.oracles[login]
    for kind, sort in ((k, s) for k, sorts in SORTS.items() for s in sorts):
        found = ids(await library.desk.found(login, kind, [("_sort", sort), ("_count", "1000")]))
        assert len(found) == len(oracle.of(kind))
        assert in_order(oracle, kind, found, sort), (login, kind, sort)


async def test_a_sort_that_is_not_possible_is_refused(library: Library) -> None:
    for asked in ("Patient?_sort=telecom", "Practitioner?_sort=phone", "Location?_sort=near"):
        status, told = await library.desk.ask("loader", "GET", asked)
        assert (status, told["issue"][0]["code"]) == (400, "not-supported")
        assert told["issue"][0]["expression"] == ["http._sort"]


async def test_without_sort_the_newest_come_first(library: Library) -> None:
    found = ids(await library.desk.found("loader", "Observation", [("_count", "1000")]))
    dated = [
        library.oracles["loader"].sort_key(library.oracles["loader"].named[f], "date", down=False)
        for f in found
    ]
    known = [d for d in dated if d is not None]
    assert known == sorted(known, reverse=True)
    assert dated[: len(known)] == known


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("sort", ["", "date", "-value-quantity,_id", "_id", "-_lastUpdated", "status,-code"])
async def test_pages_put_together_are_the_whole(library: Library, login: str, sort: str) -> None:
    asker = Asker(library.oracles[login], 6)
    for pairs in [[], *(asker.several("Observation") for _ in range(4))]:
        asked = [*pairs, *([("_sort", sort)] if sort else [])]
        whole = ids(await library.desk.found(login, "Observation", asked + ALL))
        for size in (7, 1) if len(whole) < 12 else (7, 33):
            bundle = await library.desk.found(login, "Observation", [*asked, ("_count", str(size)), ALL[1]])
            pages = [ids(bundle)]
            while url := following(bundle):
                bundle = (await library.desk.ask(login, "GET", url))[1]
                pages.append(ids(bundle))
                assert bundle.get("total", len(whole)) == len(whole)
            assert list(chain(*pages)) == whole
            assert all(len(p) == size for p in pages[:-1])


INCLUDES = (
    ("Observation", "_include", "Observation:subject"),
    ("Observation", "_include", "Observation:performer"),
    ("Observation", "_include", "Observation:performer:Practitioner"),
    ("Encounter", "_include", "Encounter:service-provider"),
    ("PractitionerRole", "_include", "PractitionerRole:organization"),
    ("Patient", "_revinclude", "Observation:subject"),
    ("Patient", "_revinclude", "Condition:patient"),
    ("Encounter", "_revinclude", "Observation:encounter"),
    ("Patient", "_include", "Patient:general-practitioner"),
    ("Observation", "_include", "Observation:*"),
    ("Observation", "_include", "*"),
    ("Encounter", "_include", "Encounter:*:Organization"),
    ("Patient", "_revinclude", "Observation:*"),
    ("Practitioner", "_revinclude", "Condition:*"),
)


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize(("kind", "way", "link"), INCLUDES)
async def test_includes(library: Library, login: str, kind: str, way: str, link: str) -> None:
    oracle, at = library.oracles[login], Random(7)
    source, code, target = (*(link if link != "*" else f"{kind}:*").split(":"), "")[:3]
    for _ in range(4):
        pairs = Asker(oracle, at.randrange(10**6)).several(kind)[:1]
        matched = oracle.search(kind, pairs)
        expected = included(oracle, matched, way, (source, code, target))
        bundle = await library.desk.found(login, kind, [*pairs, (way, link), ("_count", "1000")])
        assert set(ids(bundle)) == {f"{kind}/{r['id']}" for r in matched}
        assert len(ids(bundle, "include")) == len(set(ids(bundle, "include")))
        found = ids(bundle, "include")
        assert sorted(found) == sorted(expected - set(ids(bundle))), (pairs, way, link)


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("kind", ["Patient", "Encounter", "Organization"])
async def test_all_that_refers(library: Library, login: str, kind: str) -> None:
    oracle = library.oracles[login]
    rows = oracle.of(kind)[:5]
    expected = set().union(*(included(oracle, rows, "_revinclude", (s, "*", "")) for s in TABLE))
    asked = [("_id", ",".join(str(r["id"]) for r in rows)), ("_revinclude", "*")]
    bundle = await library.desk.found(login, kind, asked)
    found = ids(bundle, "include")
    assert sorted(found) == sorted(expected - set(ids(bundle)))
    assert found or not rows


def included(
    oracle: Oracle, matched: list[dict[str, object]], way: str, link: tuple[str, str, str]
) -> set[str]:
    """`Type/id` of what an include brings."""
    source, code, target = link
    codes = [c for c, (sort, _) in TABLE[source].items() if sort == "reference"] if code == "*" else [code]

    def read(resource: dict[str, Any]) -> list[str]:
        return [named for c in codes for named in TABLE[source][c][1](resource)]

    if way == "_revinclude":
        here = {f"{r['resourceType']}/{r['id']}" for r in matched}
        return {f"{source}/{r['id']}" for r in oracle.of(source) if here & set(read(r))}
    named = {t for r in matched for t in read(r)}
    return {t for t in named if t in oracle.named and t.startswith(f"{target}/" if target else "")}


AGAIN = (
    [("_include", "Observation:encounter"), ("_include:iterate", "Encounter:service-provider")],
    [("_revinclude", "Observation:subject"), ("_include:iterate", "Observation:performer:Practitioner")],
    [("_revinclude", "Encounter:subject"), ("_revinclude:iterate", "Observation:encounter")],
    [
        ("_revinclude", "Encounter:subject"),
        ("_include:iterate", "Encounter:*"),
        ("_include:iterate", "Organization:*"),
    ],
)


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("links", AGAIN, ids=str)
async def test_includes_of_includes(library: Library, login: str, links: list[tuple[str, str]]) -> None:
    oracle = library.oracles[login]
    kind = "Observation" if links[0][0] == "_include" else "Patient"
    for one in oracle.of(kind)[:12]:
        start = f"{kind}/{one['id']}"
        reached, fresh, first = {start}, {start}, True
        while fresh:
            rows = [oracle.named[name] for name in fresh]
            ways = links if first else [w for w in links if w[0].endswith(":iterate")]
            found = [included(oracle, _from(way, rows), way[0].partition(":")[0], _link(way)) for way in ways]
            fresh, first = set().union(*found) - reached, False
            reached |= fresh
        bundle = await library.desk.found(login, kind, [("_id", one["id"]), *links])
        assert set(ids(bundle, "include")) == reached - {start}, start


def _from(way: tuple[str, str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that an include starts from."""
    if way[0].startswith("_revinclude"):
        return rows
    return [r for r in rows if r["resourceType"] == way[1].partition(":")[0]]


def _link(way: tuple[str, str]) -> tuple[str, str, str]:
    source, code, target = (*way[1].split(":"), "")[:3]
    return source, code, target


async def test_a_page_that_would_include_too_much_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_INCLUDED", 20)
    status, told = await library.desk.ask(
        "loader", "GET", "Patient?_revinclude=Observation:subject&_count=1000"
    )
    assert (status, told["issue"][0]["code"]) == (422, "too-costly")
    assert told["issue"][0]["expression"] == ["http._include"]


async def test_no_more_is_read_than_shows_that_it_is_too_much(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_INCLUDED", 3)
    (before,) = await library.desk.sql("select coalesce(max(aid), 0) as last from audit")
    asked = "Observation?_include=Observation:subject:Patient&_count=1000"
    status, told = await library.desk.ask("loader", "GET", asked)
    assert (status, told["issue"][0]["code"]) == (422, "too-costly")
    lines = "select coalesce(sum(hits), 0) as n from audit where aid > $1 and action = 'include'"
    assert (await library.desk.sql(lines, before["last"]))[0]["n"] == 4


async def test_include_again_and_again(library: Library) -> None:
    pairs = [
        ("_include", "Organization:partof"),
        ("_include:iterate", "Organization:partof"),
        ("_count", "1000"),
    ]
    oracle = library.oracles["loader"]
    for start in oracle.of("Organization"):
        above, one = set(), start
        while "partOf" in one:
            name = one["partOf"]["reference"]
            above.add(name)
            one = oracle.named[name]
        bundle = await library.desk.found("loader", "Organization", [("_id", start["id"]), *pairs])
        assert set(ids(bundle, "include")) == above


@pytest.mark.parametrize("login", READERS)
async def test_a_code_is_of_the_system_of_its_list(library: Library, login: str) -> None:
    """Rule: FHIR R4, search 3.1.1.4.10: the system of a `code` is implicit."""
    fhir = "http://hl7.org/fhir"
    for kind, name, system, code in (
        ("Patient", "gender", f"{fhir}/administrative-gender", "female"),
        ("Observation", "status", f"{fhir}/observation-status", "final"),
        ("Observation", "patient.gender", f"{fhir}/administrative-gender", "male"),
    ):
        due = {f"{kind}/{r['id']}" for r in library.oracles[login].search(kind, [(name, code)])}
        found = await library.desk.found(login, kind, [(name, f"{system}|{code}"), *ALL])
        assert set(ids(found)) == due != set()
        assert ids(await library.desk.found(login, kind, [(name, f"urn:other|{code}"), *ALL])) == []
    related = [r["relatesTo"][0] for r in library.oracles[login].of("DocumentReference") if "relatesTo" in r]
    target, code = related[0]["target"]["reference"], related[0]["code"]
    answers = [
        ids(await library.desk.found(login, "DocumentReference", [("relationship", f"{target}${written}")]))
        for written in (code, f"{fhir}/document-relationship-type|{code}")
    ]
    assert answers[0] == answers[1] != []


async def test_the_corpus_is_seen_half_by_the_doctor(library: Library) -> None:
    assert len(library.oracles["loader"].resources) == 320
    found = await library.desk.found("doctor", "Patient", ALL)
    assert {i.removeprefix("Patient/") for i in ids(found)} == MINE
    status, told = await library.desk.ask("doctor", "GET", "Practitioner?_has:Condition:asserter:code=glu")
    assert (status, told["issue"][0]["code"]) == (403, "forbidden")
