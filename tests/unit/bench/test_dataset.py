"""The corpus, who sees what of it, and the book."""

import json
from pathlib import Path

import pytest
from bench.dataset import synthea
from bench.dataset.book import KINDS, Book
from bench.dataset.corpus import Corpus
from bench.dataset.rights import Rights, masked, people_of
from bench.workloads.samples import Samples
from bench.workloads.shapes import SHAPES

from aubier.fhir import json as fhir_json
from tests.contract.search.oracle import Oracle


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    found = Corpus(tmp_path_factory.mktemp("corpus"), 12)
    found.make(lambda words: None)
    return found


def test_the_same_people_are_the_same_bytes(corpus: Corpus, tmp_path: Path) -> None:
    again = Corpus(tmp_path / "again", 12)
    again.make(lambda words: None)
    assert again.resources.read_bytes() == corpus.resources.read_bytes()
    assert again.facts == corpus.facts and corpus.facts["kinds"]["Patient"] == 12
    assert sum(corpus.facts["kinds"].values()) == corpus.facts["resources"]


def test_a_corpus_that_was_begun_is_made_again(corpus: Corpus, tmp_path: Path) -> None:
    begun = Corpus(tmp_path, 12)
    begun.resources.write_bytes(b'{"resourceType":"Patient"')
    begun.make(lambda words: None)
    assert begun.resources.read_bytes() == corpus.resources.read_bytes()


def test_a_corpus_that_would_not_be_made_so_today_is_made_again(corpus: Corpus, tmp_path: Path) -> None:
    kept = Corpus(tmp_path, 12)
    kept.make(lambda words: None)
    (tmp_path / "answers-4.json").write_text("{}")
    kept.make(lambda words: None)
    assert (tmp_path / "answers-4.json").exists(), "nothing was made again"
    kept.resources.write_bytes(kept.resources.read_bytes().replace(b'"resourceType"', b'"resourcetype"', 1))
    kept.make(lambda words: None)
    assert kept.resources.read_bytes() == corpus.resources.read_bytes() and kept.mark == corpus.mark
    assert not (tmp_path / "answers-4.json").exists()


def test_transactions_hold_every_resource_under_its_id(corpus: Corpus) -> None:
    sent = [fhir_json.parse(bundle)["entry"] for bundle in corpus.bundles()]
    assert all(len(entries) >= 100 for entries in sent[:-1])
    people = sent[corpus.facts["directory"] :]
    for entries in people:
        resources = [e["resource"] for e in entries]
        here = {r["id"] for r in resources if r["resourceType"] == "Patient"}
        assert {p for r in resources for p in people_of(r)} <= here, "a household is whole"
    entries = [e for several in sent for e in several]
    assert len(entries) == corpus.facts["resources"]
    assert all(
        e["request"]["url"] == f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries
    )


def test_who_sees_what(corpus: Corpus) -> None:
    resources = list(corpus.read())
    people = [r["id"] for r in resources if r["resourceType"] == "Patient"]
    rights = Rights.over(people)
    assert rights.cared == set(sorted(people)[:6]) and not rights.denied
    seen = [r for r in resources if rights.sees(r)]
    assert {p for r in seen for p in people_of(r)} == rights.cared
    assert not any(masked(r) for r in seen) and any(masked(r) for r in resources)
    assert {r["resourceType"] for r in seen} >= {"Organization", "Observation"}
    many = Rights.over([f"p{n:05}" for n in range(5000)])
    assert (len(many.cared), len(many.denied), len(many.open)) == (1000, 20, 980)
    assert {g.actor for g in many.grants() if g.deny and g.patient in many.denied} == {
        "ps:899700000000",
        "ps:899799990019",
    }


def test_the_book_finds_what_the_oracle_finds(corpus: Corpus) -> None:
    resources = list(corpus.read(*KINDS))
    rights = Rights.over([r["id"] for r in resources if r["resourceType"] == "Patient"])
    samples = Samples.of(list(corpus.read(*KINDS)), rights)
    book, oracle = Book(list(corpus.read(*KINDS))), Oracle(resources, 0)
    found = 0
    for shape in SHAPES:
        for pairs in shape.criteria(samples, 2):
            names = [r["id"] for r in book.search(shape.kind, pairs)]
            assert names == [r["id"] for r in oracle.search(shape.kind, pairs)], shape.name
            found += bool(names)
    assert found > len(SHAPES)


def test_lives_in_the_manner_of_synthea_are_whole() -> None:
    made = list(synthea.bundles(2, "a"))
    assert made == list(synthea.bundles(2, "a")) != list(synthea.bundles(2, "b"))
    for raw, count in made:
        entries = json.loads(raw)["entry"]
        names = {e["fullUrl"] for e in entries}
        assert len(entries) == len(names) == count > 90
        told = raw.decode().split('"reference": "')[1:]
        targets = {t.partition('"')[0] for t in told}
        assert {t for t in targets if t.startswith("urn:")} <= names
