"""What a resource contains, by the ways that lead there: each once, and no more than is worth while."""

import time
from typing import Any

from aubier.search.extract import extract
from aubier.search.terms import contained as module
from aubier.search.terms.contained import MOST, contained

Resource = dict[str, Any]


def _visit(id: str, *beyond: str) -> Resource:
    diagnosis = [{"condition": {"reference": f"#{b}"}} for b in beyond[1:]]
    part = {"partOf": {"reference": f"#{beyond[0]}"}} if beyond else {}
    return {"resourceType": "Encounter", "id": id, "status": "finished", "diagnosis": diagnosis, **part}


def _seen(*inside: Resource, **parts: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "encounter": {"reference": "#a"},
        "contained": list(inside),
        **parts,
    }


def _paths(resource: Resource) -> list[str]:
    return [path for path, _ in contained(resource, extract(resource))]


def test_a_way_leads_through_nothing_twice() -> None:
    first, second = "Observation/encounter/Encounter", "Observation/encounter/Encounter/part-of/Encounter"
    assert _paths(_seen(_visit("a", "b"), _visit("b", "a"))) == [first, second]
    assert _paths(_seen(_visit("a", "a"))) == [first]
    assert _paths(_seen(_visit("b"))) == []
    assert _paths({"resourceType": "Observation", "encounter": {"reference": "#"}}) == []


def test_what_another_parameter_keeps_stands_under_that_one() -> None:
    patient = {"resourceType": "Patient", "id": "p", "gender": "male"}
    about = _seen(patient, subject={"reference": "#p"}, encounter=None)
    del about["encounter"]
    assert _paths(about) == ["Observation/subject/Patient"]


def test_a_chain_of_contained_ones_ends_with_the_longest_that_can_be_asked() -> None:
    ring = [_visit(name, chr(ord(name) + 1)) for name in "abcdefghijkl"]
    assert max(path.count("Encounter") for path in _paths(_seen(*ring))) == 8


def test_many_ways_are_cut_and_what_is_inside_is_read_once() -> None:
    names = [f"n{n}" for n in range(60)]
    conditions = [{"resourceType": "Condition", "id": n, "encounter": {"reference": "#b"}} for n in names]
    visits = [_visit("a", "b", *names), *(_visit(x, "a", *names) for x in "bcdefgh")]
    assert len(_paths(_seen(*visits, *conditions))) == MOST
    large = {"resourceType": "Condition", "id": "large", "note": [], "category": [{"text": "x" * 50}] * 4_000}
    ways = [_visit("a", "b", *["large"]), *(_visit(chr(98 + n), chr(99 + n), "large") for n in range(7))]
    begun = time.process_time()
    found = sum(
        len(terms.strings) for _, terms in contained(_seen(*ways, large), extract(_seen(*ways, large)))
    )
    assert found <= module.MOST_VALUES and time.process_time() - begun < 2


def test_a_bundle_is_followed_into_what_it_begins_with() -> None:
    first = {"resourceType": "Composition", "id": "c", "title": "Lettre", "author": [{"reference": "#w"}]}
    first["contained"] = [{"resourceType": "Practitioner", "id": "w", "gender": "male"}]
    bundle = {"resourceType": "Bundle", "type": "document", "entry": [{"resource": first}]}
    start = "Bundle/composition/Composition"
    assert _paths(bundle) == [start, f"{start}/author/Practitioner"]
