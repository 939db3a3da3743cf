"""What a Subscription asks: triggers, topics and headers, as pure functions."""

import json
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.services.subscriptions.asking.headers import HIDDEN, given, shown
from aubier.services.subscriptions.asking.plan import Plan, read_plan
from aubier.services.subscriptions.asking.topics import find_topic, topics
from aubier.services.subscriptions.asking.triggers import Trigger, read_trigger

BECAME = Trigger("Observation", current="status=final", previous="status:not=final", both=True)


@pytest.mark.parametrize(
    ("trigger", "op", "met", "fires"),
    [
        (Trigger("Basic"), "create", [], True),
        (Trigger("Basic"), "delete", [], False),
        (Trigger("Basic", filters="code=x"), "update", [True], True),
        (Trigger("Basic", filters="code=x"), "update", [False], False),
        (BECAME, "create", [True], True),
        (BECAME, "create", [False], False),
        (BECAME, "update", [True, True], True),
        (BECAME, "update", [True, False], False),
        (BECAME, "update", [False, True], False),
        (Trigger("Basic", current="a=1", previous="a=1"), "update", [False, True], True),
        (Trigger("Basic", current="a=1", previous="a=1", on_create=False), "create", [False], False),
        (Trigger("Basic", ("delete",), previous="a=1", both=True), "delete", [True], True),
        (Trigger("Basic", ("delete",), current="a=1", on_delete=False), "delete", [], False),
        (Trigger("Basic", ("delete",), filters="a=1"), "delete", [False], False),
    ],
)
def test_when_a_trigger_fires(trigger: Trigger, op: str, met: list[bool], fires: bool) -> None:
    if op in trigger.ops:
        assert len(list(trigger.questions(op))) == len(met)
    assert trigger.fires(op, met) is fires


def test_a_trigger_is_read_back_as_it_was_written() -> None:
    for trigger in (BECAME, Trigger("Basic", ("update", "delete"), fhirpath="true", filters="é=1")):
        assert read_trigger(trigger.text) == trigger


def test_a_fhirpath_criterion_that_cannot_be_evaluated_holds_for_nothing() -> None:
    trigger = Trigger("Observation", fhirpath="%previous.status = 'final'")
    assert trigger.finds({"resourceType": "Observation"}, {"resourceType": "Observation", "status": "final"})
    assert not trigger.finds({"resourceType": "Observation", "status": "final"}, None)
    assert not Trigger("Observation", fhirpath="1 / 0 = 1 and ('a' + 1) = 2").finds({}, {})


def test_the_topics_of_the_room_can_be_asked_for() -> None:
    assert len(topics()) == 8
    for url, topic in topics().items():
        assert find_topic(f"{url}|{topic.version}", "") == topic
        assert find_topic(f"{url}|9", "") is None
        assert topic.title and topic.description
        assert all(topic.filter_names(t.type) for t in topic.triggers)


def test_the_operator_s_topics_are_there_too(tmp_path: Path) -> None:
    row = {
        "resourceType": "SubscriptionTopic",
        "url": "http://hospital.example/topic",
        "resourceTrigger": [{"resource": "http://hl7.org/fhir/StructureDefinition/Encounter"}],
    }
    (tmp_path / "one.json").write_text(json.dumps(row))
    topic = find_topic("http://hospital.example/topic", str(tmp_path))
    assert topic is not None
    assert topic.triggers == (Trigger("Encounter", ("create", "update", "delete")),)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "{}",
        '{"resourceType": "Basic", "url": "http://a/b", "resourceTrigger": []}',
        '{"resourceType": "SubscriptionTopic", "url": "http://a/b", "resourceTrigger": []}',
        '{"resourceType": "SubscriptionTopic", "url": "http://a/b", "resourceTrigger": [{"resource": ""}]}',
        '{"resourceType": "SubscriptionTopic", "url": "http://a/b", "resourceTrigger":'
        ' [{"resource": "Basic", "supportedInteraction": ["read"]}]}',
        '{"resourceType": "SubscriptionTopic", "url": "http://a/b", "resourceTrigger":'
        ' [{"resource": "Basic", "fhirPathCriteria": "%other"}]}',
    ],
)
def test_a_file_that_is_no_topic_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(Problem, match=r"bad\.json"):
        topics(str(tmp_path))


def test_headers_are_hidden_and_kept() -> None:
    body = {"channel": {"type": "rest-hook", "header": ["Authorization: Bearer x", "X-A:b"]}}
    assert shown(body)["channel"]["header"] == [f"Authorization: {HIDDEN}", f"X-A: {HIDDEN}"]
    kept = given(body, [], same_place=False)
    assert kept == ["Authorization: Bearer x", "X-A: b"]
    assert given(shown(body), kept, same_place=True) == kept
    with pytest.raises(Problem, match="again"):
        given(shown(body), kept, same_place=False)


@pytest.mark.parametrize(
    "header",
    [
        "no colon",
        ": x",
        "A b: c",
        "A: b\r\nC: d",
        "A: é",
        "Host: x",
        "content-length: 3",
        "TE: x",
        "Connection: x",
        "A: " + "x" * 5000,
    ],
    ids=lambda header: header[:12].encode().hex(),
)
def test_what_is_no_header_of_a_subscriber_s(header: str) -> None:
    with pytest.raises(Problem) as refused:
        given({"channel": {"header": [header]}}, [], same_place=True)
    assert refused.value.issues[0].at == ("Subscription.channel.header",)


def test_a_plan_of_a_newer_release_is_told_as_such() -> None:
    """While a release is put in place, processes of the one before meet what it kept."""
    plan = Plan("rest-hook", endpoint="https://a.example")
    assert read_plan(plan.text) == plan
    with pytest.raises(Problem, match="newer release") as told:
        read_plan(json.dumps({**json.loads(plan.text), "batching": 5}))
    assert told.value.kind == "transient"
