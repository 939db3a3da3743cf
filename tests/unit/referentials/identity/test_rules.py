"""The four statuses: every status, every set of attributes, every event."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from aubier.ground.problem import Problem
from aubier.referentials.identity import rules
from aubier.referentials.identity.rules import (
    Attribute,
    AttributeRemoved,
    AttributeSet,
    Document,
    DocumentChecked,
    Event,
    InsiAnswered,
    Standing,
    Status,
    TraitChanged,
    step,
)

PASSPORT = Document("PA", country="BR")
LICENCE = Document("PC")
P, R, V, Q = Status.PROV, Status.RECUP, Status.VALI, Status.QUAL
DOUT, FICT, HOMO = Attribute.DOUT, Attribute.FICT, Attribute.HOMO

# Without attribute (or with homonym, which changes nothing): the whole table, read as from -> to.
TABLE: dict[str, tuple[Event, dict[Status, Status]]] = {
    "INSi found": (InsiAnswered(True), {P: R, R: R, V: Q, Q: Q}),
    "INSi not found": (InsiAnswered(False), {P: P, R: P, V: V, Q: V}),
    "passport agrees": (DocumentChecked(PASSPORT), {P: V, R: Q, V: V, Q: Q}),
    "passport disagrees": (DocumentChecked(PASSPORT, agrees=False), {P: P, R: P, V: P, Q: P}),
    "doubtful": (AttributeSet(DOUT), {P: P, R: P, V: P, Q: P}),
    "homonym": (AttributeSet(HOMO), {P: P, R: R, V: V, Q: Q}),
    "not homonym": (AttributeRemoved(HOMO), {P: P, R: R, V: V, Q: Q}),
    "not doubtful": (AttributeRemoved(DOUT), {P: P, R: R, V: V, Q: Q}),
    "trait changed": (TraitChanged(), {P: P, R: P, V: P, Q: P}),
}
EVENTS: list[Event] = [
    *(event for event, _ in TABLE.values()),
    AttributeSet(FICT),
    AttributeRemoved(FICT),
    DocumentChecked(LICENCE),
]
SETS = [frozenset(c) for n in range(4) for c in combinations(Attribute, n)]
POSSIBLE = [s for s in (Standing(st, a) for st, a in product(Status, SETS)) if not rules.standing_issues(s)]


@pytest.mark.parametrize("homonym", [frozenset(), frozenset({HOMO})])
@pytest.mark.parametrize("name", TABLE)
def test_every_status_and_event(name: str, homonym: frozenset[Attribute]) -> None:
    event, to = TABLE[name]
    assert {s: step(Standing(s, homonym), event).status for s in Status} == to


@pytest.mark.parametrize("status", Status)
def test_fictive_makes_provisional(status: Status) -> None:
    assert step(Standing(status), AttributeSet(FICT)) == Standing(P, frozenset({FICT}))


@pytest.mark.parametrize("insi", [True, False])
@pytest.mark.parametrize("document", [True, False])
def test_two_facts_make_the_status(insi: bool, document: bool) -> None:
    standing = Standing(rules.status_of(insi=insi, document=document))
    assert (standing.insi, standing.document) == (insi, document)


def test_what_standings_are_possible() -> None:
    plain = {Standing(s, a) for s in Status for a in (frozenset[Attribute](), frozenset({HOMO}))}
    marked = {Standing(P, frozenset(a)) for a in ({DOUT}, {FICT}, {DOUT, HOMO})}
    assert set(POSSIBLE) == plain | marked


@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_no_event_leads_to_an_impossible_standing(event: Event) -> None:
    for standing in POSSIBLE:
        try:
            after = step(standing, event)
        except Problem as refused:
            assert all(i.rule and i.fr and i.text and i.kind == "business-rule" for i in refused.issues)
        else:
            assert after in POSSIBLE, f"{standing} -> {after}"


@pytest.mark.parametrize("attributes", [{DOUT}, {FICT}, {DOUT, HOMO}])
@pytest.mark.parametrize(
    "event",
    [InsiAnswered(True), InsiAnswered(False), DocumentChecked(PASSPORT), DocumentChecked(PASSPORT, False)],
)
def test_doubtful_and_fictive_close_insi_and_validation(attributes: set[Attribute], event: Event) -> None:
    with pytest.raises(Problem) as refused:
        step(Standing(P, frozenset(attributes)), event)
    assert refused.value.issues[0].rule == rules.SI_09


@pytest.mark.parametrize(("first", "then"), [(FICT, DOUT), (DOUT, FICT), (FICT, HOMO), (HOMO, FICT)])
def test_fictive_stands_alone(first: Attribute, then: Attribute) -> None:
    with pytest.raises(Problem) as refused:
        step(Standing(P, frozenset({first})), AttributeSet(then))
    assert refused.value.issues[0].rule == rules.RELIABILITY_2


@pytest.mark.parametrize("status", [R, V, Q])
@pytest.mark.parametrize("attribute", [DOUT, FICT])
def test_a_declared_combination_is_refused_with_its_rule(status: Status, attribute: Attribute) -> None:
    issues = rules.standing_issues(Standing(status, frozenset({attribute})))
    assert [i.rule for i in issues] == [rules.SI_09]
    assert (
        rules.status_name(status, "fr") in issues[0].fr and rules.status_name(status, "en") in issues[0].text
    )


def test_lifting_a_doubt_does_not_bring_the_trust_back() -> None:
    doubtful = step(Standing(Q), AttributeSet(DOUT))
    assert step(doubtful, AttributeRemoved(DOUT)) == Standing(P)


ADMITTED = [
    Document("PA"),
    Document("PA", country="US"),
    Document("CN"),
    *(Document("CN", country=c) for c in ("DE", "NO", "CH", "MC", "SM", "AD", "VA")),
    Document("CE", country="IT"),
    Document("CS", country="FR", permanent=True),
    Document("LE", minor=True, parent="CN"),
    Document("AN", minor=True, parent="PA"),
    Document("LE", care_home=True, vitale_photo=True),
    Document("AN", care_home=True, vitale_photo=True),
]
REFUSED = [
    Document("CN", country="US"),
    Document("CN", country="GB"),
    Document("CE", country="TR"),
    Document("CS", permanent=False),
    Document("LE"),
    Document("AN"),
    Document("LE", minor=True),
    Document("AN", minor=True, parent="PC"),
    Document("LE", minor=True, parent="LE"),
    Document("LE", minor=True, parent="CN", country="US"),
    Document("AN", care_home=True),
    Document("AN", vitale_photo=True),
    Document("PC"),
    Document("CM"),
    Document("CC"),
    Document("XX"),
    Document(""),
]


@pytest.mark.parametrize("document", ADMITTED, ids=str)
def test_high_trust_documents(document: Document) -> None:
    assert rules.document_refusal(document) is None
    assert step(Standing(R), DocumentChecked(document)).status is Q


@pytest.mark.parametrize("document", REFUSED, ids=str)
def test_other_documents_are_refused_with_the_reason(document: Document) -> None:
    with pytest.raises(Problem) as refused:
        step(Standing(R), DocumentChecked(document))
    issue = refused.value.issues[0]
    assert (
        issue.rule == rules.HIGH_TRUST
        and issue.fr.startswith("La pièce")
        and issue.text.startswith("Document")
    )
