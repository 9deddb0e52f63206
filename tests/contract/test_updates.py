"""A report of an update cannot say what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contract.codec import decode, encode
from contract.errors import InvalidMessageError
from contract.messages import Kind, Message
from contract.topics import UpdateTopic, UpTopic, parse_up_topic
from contract.updates import UpdateReport, UpdateState

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
REPORT = UpdateReport(3, "r-1", UpdateState.CONFIRMED, "7-aa", "7-aa", "6-bb", NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"assignment": -1},
        {"assignment": 2**63},
        {"rollout": "r\n1"},
        {"in_charge": "6-bb"},
        {"since": NOON.replace(tzinfo=None)},
        {"reason": "two\nlines"},
        {"reason": "x" * 201},
    ],
    ids=lambda changes: next(iter(changes)) if isinstance(changes, dict) else None,
)
def test_what_cannot_be_true_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessageError):
        replace(REPORT, **changes)


def test_confirmed_means_that_the_new_version_is_in_charge() -> None:
    with pytest.raises(InvalidMessageError, match="in charge"):
        replace(REPORT, in_charge="6-bb")
    assert replace(REPORT, state=UpdateState.ROLLED_BACK, in_charge="6-bb").in_charge == "6-bb"


def test_a_report_travels_on_a_topic_of_its_own_and_tells_older_clouds_so() -> None:
    message = Message("press-7", 1, 1, NOON, REPORT)
    assert (message.kind, message.schema_version) == (Kind.UPDATE, 3)
    assert parse_up_topic(str(UpTopic("press-7", message.kind))).kind is Kind.UPDATE
    assert decode(encode(message)) == message
    assert str(UpdateTopic("press-7")) == "ig/v1/press-7/down/update"
