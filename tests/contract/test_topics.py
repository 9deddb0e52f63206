"""Topics are built and parsed in one place; nothing can break out of its own."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import topics
from contract.errors import TopicError
from contract.messages import DEVICE_ID_PATTERN, Kind
from contract.topics import ALL_UP, PREFIX, AckTopic, UpTopic, parse_up_topic
from tests.contract.strategies import device_ids


def test_the_examples_are_true() -> None:
    results = doctest.testmod(topics)
    assert results.attempted
    assert not results.failed


@given(device_ids, st.sampled_from(Kind))
def test_what_was_built_is_parsed(device_id: str, kind: Kind) -> None:
    topic = UpTopic(device_id, kind)
    assert parse_up_topic(str(topic)) == topic
    assert str(topic).count("/") == str(AckTopic(device_id)).count("/") == ALL_UP.count("/")


@given(st.text(max_size=80))
def test_an_id_is_safe_or_refused(device_id: str) -> None:
    for build in (AckTopic, lambda name: UpTopic(name, Kind.ALARM)):
        if DEVICE_ID_PATTERN.fullmatch(device_id):
            build(device_id)
        else:
            with pytest.raises(TopicError):
                build(device_id)


@pytest.mark.parametrize(
    "device_id", ["", "a/b", "+", "#", "a+", "$SYS", "a b", "a\0", "ä", "-a", "a-", "x" * 65, "a\n"]
)
def test_an_id_that_would_break_a_topic_is_refused(device_id: str) -> None:
    with pytest.raises(TopicError, match="device id"):
        UpTopic(device_id, Kind.SUMMARY)
    with pytest.raises(TopicError, match="device id"):
        AckTopic(device_id)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "ig/v1",
        f"{PREFIX}/a/up",
        f"{PREFIX}/a/up/",
        f"{PREFIX}/a/up/nonsense",
        f"{PREFIX}/a/down/ack",
        f"{PREFIX}/a/up/alarm/x",
        f"/{PREFIX}/a/up/alarm",
        "ig/v2/a/up/alarm",
        f"{PREFIX}/+/up/alarm",
        f"{PREFIX}//up/alarm",
        f"{PREFIX}/a\n/up/alarm",
        "x" * 10_000,
    ],
)
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(TopicError) as caught:
        parse_up_topic(topic)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=60))
def test_any_text_is_a_topic_or_an_error(text: str) -> None:
    with pytest.raises(TopicError):
        parse_up_topic(text)
