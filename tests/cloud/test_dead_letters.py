"""Dead letters keep what is needed to understand and to try again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.dead_letters import KEEP_BYTES, decode_letter, encode_letter, write_letter
from contract.codec import encode
from contract.errors import DecodeError
from tests.cloud.samples import BOOT, birth, summary

TOPIC = "ig/v1/press-1/up/summary"


@given(
    topic=st.text(max_size=80),
    payload=st.binary(max_size=200),
    detail=st.text(max_size=40),
    kept=st.booleans(),
)
def test_a_letter_survives_the_stream(topic: str, payload: bytes, detail: str, kept: bool) -> None:
    letter = write_letter(topic, payload, DecodeError(detail), kept)
    stored = encode_letter(letter)
    assert decode_letter(stored.value, stored.headers) == letter


def test_everything_hostile_is_bounded() -> None:
    letter = write_letter("x" * 70_000, b"y" * 1_000_000, DecodeError("z" * 70_000))
    assert (len(letter.topic), len(letter.payload), len(letter.detail)) == (1024, KEEP_BYTES, 500)
    assert (letter.size_bytes, letter.attempts, letter.error) == (1_000_000, 1, "DecodeError")


def test_the_key_to_reject_is_the_writers_own() -> None:
    broken = encode(summary(5))
    assert write_letter(TOPIC, broken, DecodeError("?")).rejected_key == ("press-1", BOOT, 5)
    assert write_letter("ig/v1/other/up/summary", broken, DecodeError("?")).rejected_key == ("other", BOOT, 5)


def test_what_has_no_key_is_not_acknowledged() -> None:
    assert write_letter(TOPIC, b"\xff", DecodeError("?")).rejected_key is None
    assert write_letter(TOPIC, encode(birth()), DecodeError("?")).rejected_key is None
    assert write_letter("elsewhere", encode(summary(5)), DecodeError("?")).rejected_key is None
    assert write_letter("ig/v1/#/up/summary", encode(summary(5)), DecodeError("?")).device_id == ""


def test_each_letter_has_its_own_id() -> None:
    first, second = (write_letter(TOPIC, b"", DecodeError("?")) for _ in range(2))
    assert first.letter_id != second.letter_id
