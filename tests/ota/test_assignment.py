from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from ota.assignment import (
    MAX_ASSIGNMENT_BYTES,
    PAYLOAD_TYPE,
    Action,
    Assignment,
    format_assignment,
    is_news,
    parse_assignment,
    sign_anew,
    sign_assignment,
    verify_assignment,
)
from ota.director import Director
from ota.errors import ExpiredError, UntrustedError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ONE = Assignment(
    device="press-07",
    number=7,
    family="pump",
    version="3-0a1b2c3d4e5f",
    sha256="ab" * 32,
    length=34_045,
    rollout="autumn",
    not_before=None,
    issued=NOW,
    expires=NOW + 30 * DAY,
)
SIGNERS = [CryptoSigner.generate_ed25519() for _ in range(3)]
DIRECTOR = Director({SIGNERS[0].public_key.keyid: SIGNERS[0].public_key})
TWO_OF_THREE = Director({each.public_key.keyid: each.public_key for each in SIGNERS}, 2)

times = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    issued = draw(times)
    return Assignment(
        device=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}[A-Za-z0-9]", fullmatch=True)),
        number=draw(st.integers(1, 2**63 - 1)),
        family=draw(st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)),
        version=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", fullmatch=True)),
        sha256=draw(st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
        length=draw(st.integers(1, 2**40)),
        rollout=draw(st.from_regex(r"[A-Za-z0-9 ._-]{0,80}", fullmatch=True)),
        not_before=draw(st.none() | times),
        issued=issued,
        expires=issued + draw(st.timedeltas(timedelta(seconds=1), 400 * DAY)),
        action=draw(st.sampled_from(Action)),
    )


@given(assignments())
def test_what_is_signed_is_what_is_read(assignment: Assignment) -> None:
    assert parse_assignment(format_assignment(assignment)) == assignment
    data = sign_assignment(assignment, SIGNERS[:1])
    assert verify_assignment(data, DIRECTOR) == assignment
    assert len(data) < 2_000


def test_signed_anew_it_is_the_same_for_whoever_believes_the_new_keys() -> None:
    data = sign_assignment(ONE, SIGNERS[1:2])
    anew = sign_anew(data, SIGNERS[:1])
    assert anew is not None and verify_assignment(anew, DIRECTOR) == ONE
    assert sign_anew(anew, SIGNERS[:1]) is None
    both = sign_anew(anew, SIGNERS[:2])
    assert both is not None and verify_assignment(both, TWO_OF_THREE) == ONE
    with pytest.raises(UntrustedError):
        sign_anew(b"{}", SIGNERS)


def test_a_target_is_named_as_the_repository_names_it() -> None:
    assert ONE.target == "pump/3-0a1b2c3d4e5f/model.igb"


def test_a_newer_writers_fields_are_left_aside() -> None:
    content = json.loads(format_assignment(ONE)) | {"mood": "good"}
    assert parse_assignment(json.dumps(content).encode()) == ONE


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": ""},
        {"device": "a/b"},
        {"device": 7},
        {"number": 0},
        {"number": 2**63},
        {"number": True},
        {"number": 1.0},
        {"family": "../etc"},
        {"family": None},
        {"version": "a/b"},
        {"sha256": "AB" * 32},
        {"sha256": "ab"},
        {"length": 0},
        {"rollout": "x" * 81},
        {"rollout": "a\nb"},
        {"issued": datetime(2026, 1, 1)},
        {"expires": NOW},
        {"not_before": datetime(2026, 1, 1)},
    ],
    ids=str,
)
def test_values_that_cannot_be_right_cannot_be_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(UntrustedError, match="assignment: "):
        replace(ONE, **wrong)


@pytest.mark.parametrize("name", [field.name for field in fields(Assignment)])
def test_a_field_that_lacks_or_is_of_another_type_is_refused(name: str) -> None:
    content = json.loads(format_assignment(ONE))
    values: tuple[Any, ...] = ([], {}, -1, "?" * 90)
    for value in values:
        with pytest.raises(UntrustedError):
            parse_assignment(json.dumps({**content, name: value}).encode())
    del content[name]
    with pytest.raises(UntrustedError):
        parse_assignment(json.dumps(content).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(UntrustedError):
        verify_assignment(data, DIRECTOR)
    with pytest.raises(UntrustedError):
        parse_assignment(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(json_values, json_values, json_values)
def test_any_envelope_is_refused_in_a_sentence(payload: Any, kind: Any, signatures: Any) -> None:
    content = {"payload": payload, "payloadType": kind, "signatures": signatures}
    for each in (content, payload, [content]):
        with pytest.raises(UntrustedError):
            verify_assignment(json.dumps(each).encode(), DIRECTOR)


def test_one_changed_byte_and_nothing_is_believed() -> None:
    content = json.loads(sign_assignment(ONE, SIGNERS[:1]))
    other = json.loads(sign_assignment(replace(ONE, device="press-08"), SIGNERS[:1]))
    with pytest.raises(UntrustedError, match="not signed by the director"):
        verify_assignment(json.dumps({**content, "payload": other["payload"]}).encode(), DIRECTOR)


def test_a_revoked_directors_signature_is_worth_nothing() -> None:
    data = sign_assignment(ONE, SIGNERS[1:2])
    with pytest.raises(UntrustedError, match="not signed by the director"):
        verify_assignment(data, DIRECTOR)


def test_the_threshold_counts_keys_not_signatures() -> None:
    assert verify_assignment(sign_assignment(ONE, SIGNERS[:2]), TWO_OF_THREE) == ONE
    with pytest.raises(UntrustedError, match="not signed by the director"):
        verify_assignment(sign_assignment(ONE, SIGNERS[:1]), TWO_OF_THREE)
    content = json.loads(sign_assignment(ONE, SIGNERS[:1]))
    content["signatures"] *= 2
    with pytest.raises(UntrustedError):
        verify_assignment(json.dumps(content).encode(), TWO_OF_THREE)


def test_what_was_signed_as_something_else_is_no_assignment() -> None:
    envelope = Envelope(format_assignment(ONE), "text/plain", {})
    envelope.sign(SIGNERS[0])
    with pytest.raises(UntrustedError, match="signed as something else"):
        verify_assignment(json.dumps(envelope.to_dict()).encode(), DIRECTOR)
    assert PAYLOAD_TYPE.endswith("assignment+json")


def test_a_giant_is_not_read() -> None:
    with pytest.raises(UntrustedError, match="larger than"):
        verify_assignment(b" " * (MAX_ASSIGNMENT_BYTES + 1), DIRECTOR)


def test_the_first_and_each_later_number_is_news() -> None:
    assert is_news(ONE, "press-07", None, NOW)
    assert is_news(replace(ONE, number=8), "press-07", ONE, NOW)


def test_the_same_again_is_no_news_even_when_its_time_is_over() -> None:
    assert not is_news(ONE, "press-07", ONE, NOW)
    assert not is_news(ONE, "press-07", ONE, NOW + 90 * DAY)


def test_a_replayed_assignment_is_refused() -> None:
    with pytest.raises(UntrustedError, match="6 comes after 7: replayed"):
        is_news(replace(ONE, number=6), "press-07", ONE)


def test_another_one_under_the_same_number_is_refused() -> None:
    with pytest.raises(UntrustedError, match="7 was another one before"):
        is_news(replace(ONE, version="4-000000000000"), "press-07", ONE)


def test_another_devices_assignment_is_refused() -> None:
    with pytest.raises(UntrustedError, match="is for press-07, not for press-08"):
        is_news(ONE, "press-08", None)


def test_an_expired_one_is_refused_by_a_clock_that_is_believed_only() -> None:
    late = NOW + 31 * DAY
    with pytest.raises(ExpiredError):
        is_news(ONE, "press-07", None, late)
    assert is_news(ONE, "press-07", None, None)


@given(st.lists(st.integers(1, 20), min_size=1))
def test_whatever_order_they_come_in_the_highest_number_stands(numbers: list[int]) -> None:
    known: Assignment | None = None
    for number in numbers:
        with suppress(UntrustedError):
            if is_news(replace(ONE, number=number), "press-07", known):
                known = replace(ONE, number=number)
    assert known is not None
    assert known.number == max(numbers)
