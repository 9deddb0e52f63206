"""Ingest: every good message once into the stream, everything else kept as a dead letter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud import dead_letters
from cloud.acks import AckPublisher
from cloud.delivery import Delivery
from cloud.errors import OversizedError, StreamClosedError, StreamError, TopicMismatchError
from cloud.ingest import Ingest, sort_deliveries, validate
from cloud.metrics import count_of
from cloud.sink import Sink
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.store import queries
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES
from contract.codec import MAX_MESSAGE_BYTES, encode
from contract.errors import DecodeError, InvalidMessageError, MessageError, SchemaVersionError, TopicError
from contract.messages import SCHEMA_VERSION, Kind, MachineState
from contract.proto import industrialguard_pb2 as pb
from contract.topics import UpTopic
from tests.cloud.malformed import malformed_payloads
from tests.cloud.samples import BOOT, OWN_PROFILE, birth, deliver, summary

BATCH = 500


def topic(device: str = "press-1", kind: Kind = Kind.SUMMARY) -> str:
    return str(UpTopic(device, kind))


def poison_birth(profile: str) -> bytes:
    envelope = pb.Envelope.FromString(encode(birth()))
    envelope.birth.profile = profile
    return envelope.SerializeToString()


def wrong_version(version: int) -> bytes:
    envelope = pb.Envelope.FromString(encode(summary(1)))
    envelope.schema_version = version
    return envelope.SerializeToString()


def newer_state(version: int) -> bytes:
    """A summary in whose state this version does not know a machine."""
    envelope = pb.Envelope.FromString(wrong_version(version))
    envelope.summary.state = max(MachineState) + 1  # type: ignore[assignment]
    return envelope.SerializeToString()


class NobodyListens:
    """A broker link for tests in which no device waits for an answer."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Into the void."""


@pytest.mark.parametrize(
    ("where", "payload", "error"),
    [
        ("ig/v1/press-1/up/summary/more", encode(summary(1)), TopicError),
        ("ig/v2/press-1/up/summary", encode(summary(1)), TopicError),
        ("ig/v1/press-1/up/gossip", encode(summary(1)), TopicError),
        ("", encode(summary(1)), TopicError),
        (topic("press-2"), encode(summary(1)), TopicMismatchError),
        (topic(kind=Kind.ALARM), encode(summary(1)), TopicMismatchError),
        (topic(), b"", SchemaVersionError),
        (topic(), b"\xff" * 20, DecodeError),
        (topic(), wrong_version(99), SchemaVersionError),
        (topic(), newer_state(SCHEMA_VERSION + 1), SchemaVersionError),
        (topic(), newer_state(SCHEMA_VERSION), InvalidMessageError),
        (topic(), b"x" * (MAX_MESSAGE_BYTES + 1), OversizedError),
        (topic(kind=Kind.BIRTH), poison_birth(""), InvalidMessageError),
        (topic(kind=Kind.BIRTH), poison_birth("[" * 30_000), InvalidMessageError),
        (topic(kind=Kind.BIRTH), poison_birth("a." * 15_000 + "b = 1"), InvalidMessageError),
    ],
)
def test_what_is_refused_and_why(where: str, payload: bytes, error: type[MessageError]) -> None:
    with pytest.raises(error):
        validate(where, payload)


def test_a_good_message_becomes_its_own_bytes() -> None:
    sent = summary(1)
    assert validate(topic(), encode(sent)).sequence == 1
    (found,) = sort_deliveries([deliver(sent)]).messages
    assert (found.key, found.value) == ("press-1", encode(sent))
    assert found.headers == {"topic": topic(), "retained": "0"}
    (remembered,) = sort_deliveries([deliver(birth(), is_retained=True)]).messages
    assert remembered.headers["retained"] == "1"


def test_a_device_that_lies_about_its_id_is_named_by_its_topic() -> None:
    (letter,) = sort_deliveries([Delivery(topic("press-2"), encode(summary(5)))]).letters
    assert (letter.device_id, letter.error) == ("press-2", "TopicMismatchError")
    assert letter.detail == "says it is from press-1, was published by press-2"
    assert letter.rejected_key is not None
    assert letter.rejected_key[0] == "press-2"  # never the one it pretends to be


def test_a_state_of_a_newer_agent_is_a_dead_letter_that_is_kept_whole_and_answered() -> None:
    """So that it can be replayed once the cloud knows the state, and the device need not send it again."""
    payload = newer_state(SCHEMA_VERSION + 1)
    sorted_ = sort_deliveries([Delivery(topic(), payload), deliver(summary(2))])
    (letter,) = sorted_.letters
    assert (letter.error, letter.payload, letter.rejected_key) == (
        "SchemaVersionError",
        payload,
        ("press-1", BOOT, 1),
    )
    assert [record.value for record in sorted_.messages] == [encode(summary(2))]


def test_a_birth_with_a_broken_profile_is_a_dead_letter_and_the_machine_goes_on() -> None:
    broken = poison_birth(OWN_PROFILE.replace("[degF]", "<b>"))
    sorted_ = sort_deliveries([Delivery(topic(kind=Kind.BIRTH), broken, True), deliver(summary(1))])
    (letter,) = sorted_.letters
    assert (letter.device_id, letter.error, letter.payload) == ("press-1", "InvalidMessageError", broken)
    assert "profile" in letter.detail and "\n" not in letter.detail
    assert letter.rejected_key is None, "a Birth is not acknowledged"
    assert [record.key for record in sorted_.messages] == ["press-1"]


def test_an_oversized_payload_keeps_its_head_and_its_size() -> None:
    giant = b"x" * (3 * MAX_MESSAGE_BYTES)
    (letter,) = sort_deliveries([Delivery(topic(), giant)]).letters
    assert (letter.size_bytes, len(letter.payload)) == (len(giant), dead_letters.KEEP_BYTES)


def test_ten_thousand_malformed_payloads_stop_nothing(
    tmp_path: Path, database: Database, writer: StoreWriter
) -> None:
    """Good messages in between all arrive exactly once, and every bad payload is kept."""
    rng = random.Random(11)
    bad = [Delivery(topic(f"bad-{n % 7}"), p) for n, p in enumerate(malformed_payloads(10_000, seed=7))]
    good = [deliver(summary(n // 20 + 1, f"press-{n % 20}")) for n in range(1000)]
    lying = [Delivery(topic("liar"), g.payload) for g in good[:100]]
    lost = [Delivery(f"ig/v1/{rng.randbytes(4).hex()}/down/ack", b"?") for _ in range(100)]
    everything = bad + good + lying + lost
    rng.shuffle(everything)

    async def main() -> None:
        stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db"))
        ingest = Ingest(stream, BATCH, 0.0)
        for start in range(0, len(everything), BATCH):
            await ingest.take(everything[start : start + BATCH])
        assert (count_of(ingest.metrics.accepted), count_of(ingest.metrics.dead_letters)) == (1000, 10_200)
        sink = Sink(stream, writer, AckPublisher(NobodyListens()), BATCH)
        messages = await stream.subscribe(MESSAGES, "sink")
        while records := await messages.poll(BATCH, 0.0):
            await sink.store_messages(messages, records)
        letters = await stream.subscribe(dead_letters.TOPIC, "sink")
        while records := await letters.poll(BATCH, 0.0):
            await sink.store_dead_letters(letters, records)
        await stream.close()

    asyncio.run(main())
    with database.session() as session:
        counts = queries.message_counts(session)
        kept = queries.list_dead_letters(session, limit=20_000)
    assert (counts.total.stored, counts.total.duplicated, counts.total.redelivered) == (1000, 0, 0)
    assert counts.total.dead_lettered == 10_200
    assert {d: c.stored for d, c in counts.devices.items() if c.stored} == {
        f"press-{n}": 50 for n in range(20)
    }
    assert counts.devices["liar"].dead_lettered == 100
    sent = sorted((d.topic, d.payload[: dead_letters.KEEP_BYTES]) for d in bad + lying + lost)
    assert sorted((letter.topic, letter.payload) for letter in kept) == sent


class OneBatch:
    """A link that has deliveries once and notes what was acknowledged."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._waiting = list(deliveries)
        self.acknowledged: list[Delivery] = []

    async def receive(self, limit: int, wait_s: float) -> list[Delivery]:
        if not self._waiting:
            await asyncio.Event().wait()
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += deliveries


def test_a_full_stream_pauses_ingest_without_losing_or_acknowledging(tmp_path: Path) -> None:
    """The log fills up, ingest waits; the sink catches up, ingest goes on."""
    deliveries = [deliver(summary(n)) for n in range(1, 2001)]
    link = OneBatch(deliveries)

    async def main() -> None:
        stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db", max_bytes=300_000))
        consumer = await stream.subscribe(MESSAGES, "sink")
        ingest = Ingest(stream, 100, 0.0)
        stop = asyncio.Event()
        running = asyncio.create_task(ingest.run(link, stop))
        await ingest.check()
        while not count_of(ingest.metrics.append_failures):
            await asyncio.sleep(0.01)
        with pytest.raises(StreamError, match="full"):
            await ingest.check()
        held = len(link.acknowledged)
        assert 0 < held < len(deliveries)
        assert held == await consumer.lag()
        found = 0
        while found < len(deliveries):
            records = await consumer.poll(100, 5.0)
            assert records
            found += len(records)
            await consumer.commit(records)
        stop.set()
        await running
        await ingest.check()
        await stream.close()

    asyncio.run(main())
    assert link.acknowledged == deliveries


def test_a_stop_while_idle_ends_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db"))
        stop = asyncio.Event()
        running = asyncio.create_task(Ingest(stream, 10, 0.0).run(OneBatch([]), stop))
        await asyncio.sleep(0.05)
        stop.set()
        await asyncio.wait_for(running, 5)
        await stream.close()

    asyncio.run(main())


def test_an_error_that_waiting_does_not_cure_is_raised(tmp_path: Path) -> None:
    async def main() -> None:
        stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db"))
        await stream.close()
        link = OneBatch([deliver(summary(1))])
        with pytest.raises(StreamClosedError):
            await Ingest(stream, 10, 0.0).run(link, asyncio.Event())
        assert link.acknowledged == []

    asyncio.run(main())
