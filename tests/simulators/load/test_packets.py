"""The load fleet's MQTT: what is written reads back, however it is cut, and nonsense is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.load import packets
from simulators.load.packets import (
    MAX_PACKET_BYTES,
    ConnectOptions,
    Packet,
    PacketError,
    PacketKind,
    PacketReader,
    encode_length,
    publish_packet,
    read_publish,
)

topics = st.text(st.characters(codec="utf-8", exclude_characters="\x00+#"), min_size=1, max_size=80)
ids = st.integers(1, 0xFFFF)


@given(
    st.lists(st.tuples(topics, st.binary(max_size=400), ids, st.booleans()), max_size=8),
    st.lists(st.integers(1, 300), min_size=1, max_size=20),
)
def test_publications_read_back_however_their_bytes_are_cut(
    publications: list[tuple[str, bytes, int, bool]], cuts: list[int]
) -> None:
    stream = b"".join(publish_packet(t.encode(), p, i, is_retained=r) for t, p, i, r in publications)
    reader, found, sizes = PacketReader(), [], itertools.cycle(cuts)
    while stream:
        size = next(sizes)
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert [(*tuple_of(packet), bool(packet.flags & 1)) for packet in found] == publications


def tuple_of(packet: Packet) -> tuple[str, bytes, int]:
    publication = read_publish(packet)
    return publication.topic, publication.payload, publication.packet_id


@given(st.binary(max_size=2000))
def test_any_bytes_give_packets_or_one_kind_of_error(data: bytes) -> None:
    try:
        for packet in PacketReader().feed(data):
            if packet.kind is PacketKind.PUBLISH:
                read_publish(packet)
    except PacketError:
        pass


@given(st.integers(0, packets.MAX_REMAINING))
def test_a_length_is_its_number_in_base_128(length: int) -> None:
    encoded = encode_length(length)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(encoded)) == length
    assert [byte > 0x7F for byte in encoded] == [True] * (len(encoded) - 1) + [False]


@pytest.mark.parametrize("length", [-1, packets.MAX_REMAINING + 1])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="at most"):
        encode_length(length)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ConnectOptions("a", 60), "101000044d5154540402003c000161"),
        (
            ConnectOptions("a", 60, "u", "p", ("w", b"bye")),
            "101900044d51545404ee003c0001610001770003627965000175000170",
        ),
    ],
    ids=["plain", "with will and password"],
)
def test_connecting_looks_as_the_standard_says(options: ConnectOptions, expected: str) -> None:
    found = packets.connect_packet(options)
    assert found[0] == 0x10
    assert found[1] == len(found) - 2
    assert found[2:].hex() == expected[4:]


def test_subscribing_looks_as_the_standard_says() -> None:
    assert packets.subscribe_packet(10, ["a/b", "c/d"]).hex() == "820e000a0003612f62010003632f6401"


@pytest.mark.parametrize("first", [0x00, 0x10, 0x62, 0x82, 0xC0, 0xE0, 0xF0])
def test_what_no_broker_sends_to_a_client_is_an_error(first: int) -> None:
    with pytest.raises(PacketError, match="not for clients"):
        PacketReader().feed(bytes((first, 0)))


@pytest.mark.parametrize("length", [encode_length(MAX_PACKET_BYTES + 1), b"\xff\xff\xff\xff\x01"])
def test_a_packet_that_is_too_long_is_an_error_before_it_is_read(length: bytes) -> None:
    with pytest.raises(PacketError, match="over"):
        PacketReader().feed(b"\x30" + length)


def test_a_refused_subscription_shows() -> None:
    assert packets.is_granted(Packet(PacketKind.SUBACK, 0, b"\0\1\1\1"))
    assert not packets.is_granted(Packet(PacketKind.SUBACK, 0, b"\0\1\1\x80"))


def test_a_refused_connection_shows() -> None:
    assert packets.is_accepted(Packet(PacketKind.CONNACK, 0, b"\0\0"))
    assert not packets.is_accepted(Packet(PacketKind.CONNACK, 0, b"\0\5"))
    with pytest.raises(PacketError):
        packets.is_accepted(Packet(PacketKind.CONNACK, 0, b"\0"))
