"""Dead letters keep what is needed to understand and to try again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.dead_letters import KEEP_BYTES, decode_letter, encode_letter, write_letter
from cloud.delivery import Delivery
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
    letter = write_letter(Delivery(topic, payload, kept), DecodeError(detail))
    stored = encode_letter(letter)
    assert decode_letter(stored.value, stored.headers) == letter


def test_everything_hostile_is_bounded() -> None:
    letter = write_letter(Delivery("x" * 70_000, b"y" * 1_000_000), DecodeError("z" * 70_000))
    assert (len(letter.topic), len(letter.payload), len(letter.detail)) == (1024, KEEP_BYTES, 500)
    assert (letter.size_bytes, letter.attempts, letter.error) == (1_000_000, 1, "DecodeError")


def test_the_key_to_reject_is_the_writers_own() -> None:
    broken = encode(summary(5))
    assert write_letter(Delivery(TOPIC, broken), DecodeError("?")).rejected_key == ("press-1", BOOT, 5)
    assert write_letter(Delivery("ig/v1/other/up/summary", broken), DecodeError("?")).rejected_key == (
        "other",
        BOOT,
        5,
    )


def test_what_has_no_key_is_not_acknowledged() -> None:
    assert write_letter(Delivery(TOPIC, b"\xff"), DecodeError("?")).rejected_key is None
    assert write_letter(Delivery(TOPIC, encode(birth())), DecodeError("?")).rejected_key is None
    assert write_letter(Delivery("elsewhere", encode(summary(5))), DecodeError("?")).rejected_key is None
    assert write_letter(Delivery("ig/v1/#/up/summary", encode(summary(5))), DecodeError("?")).device_id == ""


def test_a_giant_is_known_by_its_beginning() -> None:
    letter = write_letter(Delivery(TOPIC, b"y" * KEEP_BYTES, cut_from=10_000_000), DecodeError("?"))
    assert (letter.size_bytes, len(letter.payload)) == (10_000_000, KEEP_BYTES)


@given(text=st.text(st.characters(codec=None), max_size=40))
def test_hostile_words_are_written_so_that_every_database_takes_them(text: str) -> None:
    letter = write_letter(Delivery(text, b""), DecodeError(text))
    assert letter.topic.isprintable() and letter.detail.isprintable()
    letter.detail.encode()


def test_what_the_broker_keeps_is_one_letter_however_often_it_comes() -> None:
    kept = Delivery(TOPIC, b"\xff", is_retained=True)
    first, second = (write_letter(kept, DecodeError("?")) for _ in range(2))
    other = write_letter(Delivery(TOPIC, b"\xfe", is_retained=True), DecodeError("?"))
    assert first == second
    assert first.letter_id != other.letter_id


def test_each_letter_has_its_own_id() -> None:
    first, second = (write_letter(Delivery(TOPIC, b""), DecodeError("?")) for _ in range(2))
    assert first.letter_id != second.letter_id
