"""Acknowledgements: one for each device, none of them wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.acks import AckPublisher, Key, build_acks
from cloud.errors import LinkError
from cloud.metrics import count_of
from contract.codec import MAX_ACK_SEQUENCES, decode_ack

keys = st.sets(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3), st.integers(1, 40)), max_size=30)


@given(stored=keys, rejected=keys)
def test_every_key_is_answered_once_and_stored_wins(stored: set[Key], rejected: set[Key]) -> None:
    answered: dict[Key, bool] = {}
    for device, ack in build_acks(stored, rejected):
        for boot in ack.boots:
            for is_stored, sequences in ((True, boot.stored), (False, boot.rejected)):
                for sequence in sequences:
                    assert (device, boot.boot_id, sequence) not in answered
                    answered[device, boot.boot_id, sequence] = is_stored
    assert answered == dict.fromkeys(rejected, False) | dict.fromkeys(stored, True)


def test_more_than_one_ack_can_hold_is_split() -> None:
    acks = list(build_acks([("a", 1, n) for n in range(1, MAX_ACK_SEQUENCES + 2)], []))
    assert [sum(len(b.stored) for b in ack.boots) for _, ack in acks] == [MAX_ACK_SEQUENCES, 1]


class Wire:
    """A link that can be cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        if self.is_cut:
            raise LinkError("cut")
        self.sent.append((topic, payload))


def test_an_ack_that_cannot_be_sent_is_counted_and_forgotten() -> None:
    wire = Wire()
    acks = AckPublisher(wire)
    acks.publish(stored=[("a", 1, 1), ("b", 1, 1)])
    wire.is_cut = True
    acks.publish(stored=[("a", 1, 2)])
    assert (count_of(acks.metrics.sent), count_of(acks.metrics.unsent)) == (2, 1)
    topic, payload = wire.sent[1]
    assert topic == "ig/v1/b/down/ack"
    assert decode_ack(payload).boots[0].stored == {1}
