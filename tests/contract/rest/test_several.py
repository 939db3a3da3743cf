"""Searches of several types: of the base, and inside a compartment."""

from typing import Any

import pytest

from tests.contract.rest.conftest import ACTORS, Api, places
from tests.contract.rest.test_everything import observation, seen, walked
from tests.contract.rest.test_interactions import FORM, marked, patient, valid


def tagged(code: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "meta": {"tag": [{"system": "urn:t", "code": code}]}}


async def crowd(api: Api, code: str) -> list[str]:
    """Patients, then observations, all with one tag."""
    people = [await api.make(tagged(code, patient(f"{code}{n}"))) for n in range(3)]
    notes = [await api.make(tagged(code, observation(p))) for p in people for _ in range(2)]
    return [*(f"Observation/{n}" for n in notes), *(f"Patient/{p}" for p in people)]


async def test_a_search_of_the_base(api: Api) -> None:
    made = await crowd(api, "base")
    for count in (1, 2, 4, 9, 50):
        found, pages = await walked(api, f"?_type=Observation,Patient&_tag=urn:t|base&_count={count}")
        assert sorted(found) == sorted(made) and len(found) == 9, count
        assert [f.partition("/")[0] for f in found] == ["Observation"] * 6 + ["Patient"] * 3
        assert pages >= 9 // count
    whole = valid(await api.get("?_type=Observation,Patient&_tag=urn:t|base"))
    assert whole["total"] == 9
    counted = valid(await api.get("?_type=Observation,Patient&_tag=urn:t|base&_summary=count"))
    assert counted["total"] == 9 and "entry" not in counted
    some = valid(await api.get("?_type=Observation,Patient&_tag=urn:t|base&_count=2&_total=accurate"))
    assert some["total"] == 9 and len(some["entry"]) == 2


async def test_each_resource_stands_once(api: Api) -> None:
    """What one type finds, another may name. Rule: FHIR R4, Bundle, bdl-7."""
    await crowd(api, "once")
    asked = "?_type=Observation,Patient&_tag=urn:t|once&_include=Observation:subject"
    bundle = valid(await api.get(asked))
    assert [e["search"]["mode"] for e in bundle["entry"]] == ["match"] * 9
    assert bundle["total"] == len({e["fullUrl"] for e in bundle["entry"]}) == 9
    first = valid(await api.get(f"{asked}&_count=2"))
    assert [e["search"]["mode"] for e in first["entry"]] == ["match", "match", "include"]
    assert (await api.get("?_type=Observation,Patient&_include=Condition:subject")).status_code == 400


async def test_what_refers_to_one_of_the_types_comes_along(api: Api) -> None:
    made = await crowd(api, "back")
    asked = "?_type=Basic,Patient&_tag=urn:t|back&_revinclude="
    bundle = valid(await api.get(f"{asked}Observation:subject"))
    found = [(e["search"]["mode"], e["fullUrl"].partition("/fhir/")[2]) for e in bundle["entry"]]
    assert sorted(found) == sorted([("match", n) for n in made[6:]] + [("include", n) for n in made[:6]])
    for neither in ("Observation:encounter", "Observation:zzz", "zzz:subject", "zzz"):
        answer = await api.get(f"{asked}{neither}")
        assert (answer.status_code, places(answer)) == (400, ["http._revinclude"])


async def test_every_page_is_in_the_format_of_the_first(api: Api) -> None:
    await crowd(api, "format")
    for query in ("Patient?_tag=urn:t|format", "?_type=Patient,Observation&_tag=urn:t|format"):
        first = marked(await api.get(f"{query}&_count=2&_format=xml&_pretty=true"))
        links = {link["relation"]: link["url"] for link in first["link"]}
        assert {name for name, url in links.items() if "_pretty=true" in url} == {"self", "next"}
        assert seen(marked(await api.get(links["self"]))) == seen(first)
        second = marked(await api.get(links["next"]))
        assert seen(second) and seen(second) != seen(first)


async def test_what_is_left_out_for_a_lenient_client_is_told(api: Api) -> None:
    await crowd(api, "lenient")
    lenient = {"prefer": "handling=lenient"}
    asked = "?_type=Observation,Patient&_tag=urn:t|lenient&zzz=1&family=x"
    bundle = valid(await api.get(asked, headers=lenient))
    told = bundle["entry"][-1]
    assert told["search"]["mode"] == "outcome"
    assert [i["expression"] for i in told["resource"]["issue"]] == [["http.zzz"], ["http.family"]]
    own = bundle["link"][0]["url"]
    assert "zzz" not in own and "family=x" in own and "_tag=" in own


async def test_links_of_a_later_page(api: Api) -> None:
    await crowd(api, "links")
    first = valid(await api.get("?_type=Observation,Patient&_tag=urn:t|links&_count=4"))
    assert [x["relation"] for x in first["link"]] == ["self", "next"]
    second = valid(await api.get(first["link"][1]["url"]))
    assert [x["relation"] for x in second["link"]] == ["self", "first", "next"]
    assert seen(valid(await api.get(second["link"][0]["url"]))) == seen(second)
    assert seen(valid(await api.get(second["link"][1]["url"]))) == seen(first)


@pytest.mark.parametrize("order", ["", "&_sort=_id"])
async def test_the_mark_of_a_page_is_of_its_own_search(api: Api, order: str) -> None:
    """Also where a page ends with a type, so that no place in the next one is told."""
    await crowd(api, f"own{order[1:6]}")
    await crowd(api, f"other{order[1:6]}")
    first = valid(await api.get(f"?_type=Observation,Patient&_tag=urn:t|own{order[1:6]}&_count=6{order}"))
    following = first["link"][1]["url"]
    assert seen(valid(await api.get(following)))
    for other in (following.replace("own", "other"), following.replace("Observation", "Basic")):
        answer = await api.get(other)
        assert (answer.status_code, places(answer)) == (400, ["http._page"])


async def test_it_may_be_posted(api: Api) -> None:
    made = await crowd(api, "posted")
    body = b"_type=Patient&_tag=urn%3At%7Cposted"
    bundle = valid(await api.ask("POST", "_search", body, headers=FORM))
    assert sorted(seen(bundle)) == sorted(made[6:])


async def test_in_the_compartment_of_a_patient(api: Api) -> None:
    made = await crowd(api, "inside")
    mine = made[6].partition("/")[2]
    measured = {**observation(made[7].partition("/")[2]), "performer": [{"reference": made[6]}]}
    by_me = f"Observation/{await api.make(measured)}"
    found, _ = await walked(api, f"Patient/{mine}/Observation")
    assert sorted(found) == sorted([*made[:2], by_me])
    found, _ = await walked(api, f"Patient/{mine}/Observation?_tag=urn:t|inside&_count=1&_sort=-_lastUpdated")
    assert sorted(found) == sorted(made[:2])
    everything, _ = await walked(api, f"Patient/{mine}/*?_count=2")
    assert sorted(everything) == sorted([*made[:2], by_me])
    posted = await api.ask("POST", f"Patient/{mine}/Observation/_search", b"_count=50", headers=FORM)
    assert sorted(seen(valid(posted))) == sorted([*made[:2], by_me])
    only = valid(await api.get(f"Patient/{mine}/Observation?_summary=count"))
    assert only["total"] == 3


@pytest.mark.parametrize("sort", ["_lastUpdated", "-_lastUpdated", "_id", "-_id"])
async def test_one_order_across_types(api: Api, sort: str) -> None:
    """Exact across pages of any size: by commits, as each type by itself, though a clock goes back."""
    code = f"sorted{sort}"
    made = []
    for n in range(14):
        kind = ("Basic", "Patient", "List")[n * 7 % 3]
        body = {
            "Basic": {"resourceType": "Basic", "code": {"text": "x"}},
            "Patient": patient(f"{code}{n}"),
            "List": {"resourceType": "List", "status": "current", "mode": "working"},
        }[kind]
        api.clock.later(seconds=n % 3 - 1)
        logical = await api.make(tagged(code, body))
        made.append(f"{kind}/{logical}")
    asked = f"?_type=List,Patient,Basic&_tag=urn:t|{code}&_sort={sort}"
    whole, _ = await walked(api, asked)
    expected = made if "Updated" in sort else sorted(made, key=lambda name: name.partition("/")[2])
    assert whole == (expected[::-1] if sort.startswith("-") else expected)
    for count in (1, 2, 3, 5, 13, 14):
        assert await walked(api, f"{asked}&_count={count}") == (whole, -(-14 // count))
    counted = valid(await api.get(f"{asked}&_count=2&_total=accurate"))
    assert counted["total"] == 14 and len(counted["entry"]) == 2
    assert valid(await api.get(f"{asked}&_summary=count"))["total"] == 14


async def test_one_order_while_others_write(api: Api) -> None:
    """What nobody changes is on one page, in its place; what is changed on one at most."""
    made = await crowd(api, "busy")
    asked = "?_type=Observation,Patient&_tag=urn:t|busy&_sort=-_lastUpdated&_count=2"
    whole, _ = await walked(api, asked.replace("&_count=2", ""))
    first = valid(await api.get(asked))
    found = seen(first)
    changed = made[0].partition("/")[2]
    body = tagged("busy", {**observation(made[6].partition("/")[2]), "id": changed})
    assert (await api.ask("PUT", f"Observation/{changed}", body)).status_code == 200
    await api.make(tagged("busy", patient("busy-new")))
    following = first["link"][1]["url"]
    while following:
        page = valid(await api.get(following))
        found += seen(page)
        following = next((x["url"] for x in page["link"] if x["relation"] == "next"), "")
    kept = [name for name in found if name in whole and name != made[0]]
    assert kept == [name for name in whole if name != made[0]]
    assert len(found) == len(set(found))


async def test_one_order_brings_along_what_is_shown_names(api: Api) -> None:
    made = await crowd(api, "along")
    named = made[6:]
    asked = "?_type=Observation,Basic&_tag=urn:t|along&_sort=-_lastUpdated&_include=Observation:subject"
    page = valid(await api.get(f"{asked}&_count=2"))
    modes = [(e["search"]["mode"], e["resource"]["resourceType"]) for e in page["entry"]]
    assert modes == [("match", "Observation")] * 2 + [("include", "Patient")]
    assert page["entry"][2]["fullUrl"].endswith(named[2])


async def test_one_order_of_a_record(api: Api) -> None:
    made = await crowd(api, "record")
    mine = made[6].partition("/")[2]
    found, pages = await walked(api, f"Patient/{mine}/*?_sort=-_lastUpdated&_count=1")
    assert (sorted(found), pages) == (sorted(made[:2]), 2)


async def test_hidden_is_absent_there_too(api: Api) -> None:
    made = await crowd(api, "unseen")
    first = made[6].partition("/")[2]
    for path in (f"Patient/{first}/Observation", f"Patient/{first}/*", "?_type=Patient&_tag=urn:t|unseen"):
        bundle = valid(await api.get(path, who="doctor"))
        assert bundle["total"] == 0 and "entry" not in bundle
    await api.grant(first, ACTORS["doctor"])
    assert sorted((await walked(api, f"Patient/{first}/*", who="doctor"))[0]) == sorted(made[:2])
    found, _ = await walked(api, "?_type=Observation,Patient&_tag=urn:t|unseen", who="doctor")
    assert sorted(found) == sorted([*made[:2], made[6]])


async def test_what_it_does_not_understand_is_refused(api: Api) -> None:
    for path, place in (
        ("?family=x", "http._type"),
        ("?_type=Foo", "http._type"),
        ("?_type=Patient,Observation&_sort=name", "http._sort"),
        ("?_type=Patient,Observation&_sort=_id,_lastUpdated", "http._sort"),
        ("?_type=Patient,Observation&_sort=_profile", "http._sort"),
        ("?_type=Patient,Observation&_sort=_id&_page=x", "http._page"),
        ("?_type=Patient,Observation&_sort=_id&_page=x.y.z", "http._page"),
        ("?_type=Patient,Observation&_sort=_id&_page=x.y", "http._page"),
        ("?_type=Patient,Observation,Condition,Encounter,Basic,List&_sort=_id&_count=1000", "http._sort"),
        ("?_type=Patient&_page=x", "http._page"),
        ("?_type=Patient&_page=1.x", "http._page"),
        ("?_type=Patient&_page=0.x", "http._page"),
        ("?_type=Patient,Observation&family=x", "http.family"),
        ("Patient/x/Practitioner", "http.path"),
        ("Patient/x/Observation?_type=Condition", "http._type"),
        ("?_type=Patient,Observation&_summary=text&_include=Observation:subject", "http._summary"),
    ):
        answer = await api.get(path)
        assert answer.status_code in (400, 404, 422) and places(answer) == [place], path
    assert (await api.get("Organization/x/Patient")).status_code == 404
    assert (await api.ask("PUT", "Patient/x/Observation", b"{}")).status_code == 405
    assert (await api.ask("DELETE", "")).status_code == 405


async def test_the_statement_says_so(api: Api) -> None:
    row = (await api.get("metadata")).json()["rest"][0]
    assert {"code": "search-system"} in row["interaction"]
    assert "http://hl7.org/fhir/CompartmentDefinition/patient" in row["compartment"]
