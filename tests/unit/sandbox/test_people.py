from collections import Counter
from datetime import date

from aubier.ground.rows import Resource
from aubier.referentials.identity.api import may_carry_ins, missing_traits, patient_ins_issues, status, traits
from aubier.referentials.identity.number import disagreements, parse
from aubier.referentials.identity.patient import standing
from aubier.referentials.identity.rules import standing_issues
from aubier.sandbox.batch import INS_TEST, Batch, Delegation
from aubier.sandbox.territory.days import age
from aubier.sandbox.territory.draw import Draw
from aubier.sandbox.territory.households import Registry, households
from aubier.sandbox.territory.names import given, surname
from tests.unit.sandbox.conftest import TODAY


def patients(resources: list[Resource]) -> list[Resource]:
    return [r for r in resources if r["resourceType"] == "Patient"]


def ins_of(patient: Resource) -> str:
    return next((i["value"] for i in patient["identifier"] if i["system"] == INS_TEST), "")


def test_every_patient_has_the_five_strict_traits(resources: list[Resource]) -> None:
    assert len(patients(resources)) > 200
    for patient in patients(resources):
        assert missing_traits(traits(patient)) == ()


def test_only_a_qualified_identity_carries_its_number(resources: list[Resource]) -> None:
    found = Counter()
    for patient in patients(resources):
        qualified = str(status(patient)) == "QUAL"
        found[qualified] += 1
        assert bool(ins_of(patient)) == qualified
        assert standing_issues(standing(patient)) == []
        if qualified:
            assert patient_ins_issues(patient) == []
            assert may_carry_ins(patient, sandbox=True) == []
    assert found[False] > 10 and found[True] > 150


def test_numbers_agree_with_the_traits_and_are_unique(batches: list[Batch]) -> None:
    identities = [i for batch in batches for i in batch.identities]
    assert len({i.ins for i in identities}) == len(identities) > 200
    for one in identities:
        number = parse(one.ins)
        found = disagreements(number, sex=one.gender, birth_date=one.birth_date, birth_place=one.birth_place)
        assert found == (), one
        assert one.person.ins.system == INS_TEST and one.person.traits.first_given == one.given_names[0]


def test_no_real_telephone_mailbox_or_production_number(resources: list[Resource]) -> None:
    for resource in resources:
        for point in resource.get("telecom", []):
            if point["system"] == "email":
                assert point["value"].endswith("example.org")
            else:
                assert point["value"].startswith(("+33 1 99 00", "+33 6 39 98"))
        for identifier in resource.get("identifier", []):
            assert identifier["system"] not in ("urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9")


def test_households_are_plausible_and_exactly_counted() -> None:
    found = list(households("ages", 3000, today=TODAY, registry=Registry()))
    people = [p for home in found for p in home.people]
    assert len(people) == 3000
    shares = Counter(min(age(p.birth, TODAY) // 20, 4) for p in people)
    assert 0.14 < shares[0] / 3000 < 0.28
    assert 0.03 < shares[4] / 3000 < 0.13
    assert 0.44 < sum(p.sex == "F" for p in people) / 3000 < 0.56
    assert all(p.birth <= TODAY for p in people)
    for home in found:
        for child in home.children:
            assert any(child.birth.year - adult.birth.year >= 17 for adult in home.adults)


def test_twins_share_day_and_place_but_no_number() -> None:
    found = households("twins", 6000, today=TODAY, registry=Registry())
    pairs = [[c for c in home.children if c.twin] for home in found]
    pairs = [pair for pair in pairs if len(pair) == 2]
    assert len(pairs) >= 5
    for first, second in pairs:
        assert (first.birth, first.birth_code) == (second.birth, second.birth_code)
        assert first.ins != second.ins


def test_names_hold_apostrophes_hyphens_accents_and_follow_the_decade() -> None:
    draw = Draw("names")
    names = {surname(draw) for _ in range(4000)}
    assert (
        any("'" in n for n in names)
        and any("-" in n for n in names)
        and any("ë" in n or "é" in n for n in names)
    )
    old = Counter(given(draw, "F", date(1928, 1, 1))[0] for _ in range(500))
    young = Counter(given(draw, "F", date(2023, 1, 1))[0] for _ in range(500))
    assert old["Marie"] > 20 and not young["Germaine"]
    assert all(len(set(n)) == len(n) for n in (given(draw, "M", date(1980, 1, 1)) for _ in range(200)))


def test_parents_have_authority_until_majority(batches: list[Batch]) -> None:
    births = {i.patient: i.birth_date for b in batches for i in b.identities}
    rights = [
        r for b in batches if b.name.startswith("household/") for r in b.rights if isinstance(r, Delegation)
    ]
    assert len(rights) > 20
    for right in rights:
        assert right.end and right.end.year - int(births[right.patient][:4]) == 18
        assert right.delegate.removeprefix("person:") in births
