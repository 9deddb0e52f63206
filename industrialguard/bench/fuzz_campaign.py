"""The fuzz campaign: a real broker and the cloud's own processes, under fire, beside honest devices.

Rule: every input ends in exactly one outcome, and the honest devices never notice. The broker's access rules
let a device write its own topics only, as in the field; strangers have theirs.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud.settings import CloudSettings
from cloud.store import queries
from cloud.store.database import Database
from contract.codec import decode_ack, encode
from contract.messages import Kind, Message
from contract.topics import AckTopic
from industrialguard.bench.fuzz_inputs import FuzzInput, fuzz_inputs, topic_of
from industrialguard.bench.fuzz_ledger import IGNORED, REFUSED, Audit, Ledger, audit
from industrialguard.bench.fuzz_mqtt import HOST, RawSender, SenderClosedError
from industrialguard.bench.fuzz_samples import sample
from models.progress import Progress
from simulators.broker import broker_command
from simulators.processes import PartSpec, Supervisor, module_command

HONEST = 4
"""Devices that do nothing wrong."""
HONEST_EVERY, MALLORY_EVERY, LOOK_EVERY = 10, 200, 500
"""Inputs between two honest messages, two of a device that writes as another one, two looks at memory."""
BOOT, MALLORY = 4711, "mallory"
READY_S = 60.0
STALL_S = 90.0
"""How long the store may stand still before what is missing counts as lost."""
ACK_TRIES = 5
ACCESS = """\
user cloud
topic readwrite ig/#
user fuzz
topic readwrite #
pattern readwrite ig/v1/%u/#
"""


@dataclass(slots=True)
class Findings:
    """What a campaign came to."""

    ledger: Ledger = field(default_factory=Ledger)
    audit: Audit = field(default_factory=lambda: Audit(0, 0, ()))
    honest_sent: int = 0
    honest_stored: int = 0
    honest_acknowledged: int = 0
    restarts: int = 0
    peak_bytes: Counter[str] = field(default_factory=Counter)
    """By process."""

    @property
    def is_clean(self) -> bool:
        """Whether everything is accounted for and nobody honest noticed."""
        is_served = self.honest_sent == self.honest_stored == self.honest_acknowledged
        return self.audit.is_balanced and is_served and not self.restarts


class HonestDevice:
    """Sends valid messages and notes which the cloud acknowledged."""

    def __init__(self, port: int, number: int) -> None:
        self.name = f"honest-{number}"
        self.sent: list[Message] = []
        self.acknowledged: set[int] = set()
        self.rejected: set[int] = set()
        self.sender = RawSender(port, self.name, self._take)
        self.sender.subscribe(str(AckTopic(self.name)))

    def next_message(self, rng: random.Random) -> Message:
        """One more, not sent yet."""
        kind = rng.choice((Kind.SUMMARY, Kind.SUMMARY, Kind.ALARM, Kind.STATUS))
        return sample(rng, self.name, len(self.sent) + 1, kind, BOOT)

    def send(self, message: Message) -> None:
        """Publish it, for the first time or again."""
        if message.sequence > len(self.sent):
            self.sent.append(message)
        self.sender.publish(topic_of(message), encode(message))

    @property
    def unacknowledged(self) -> list[Message]:
        """What the cloud has not confirmed."""
        return [m for m in self.sent if m.sequence not in self.acknowledged]

    def _take(self, payload: bytes) -> None:
        for boot in decode_ack(payload).boots:
            if boot.boot_id == BOOT:
                self.acknowledged |= boot.stored
                self.rejected |= boot.rejected


class Campaign:
    """One run, in a folder of its own.

    Args:
        settings: Where stream and store lie; the store is empty.
        folder: For logs and the broker's configuration.
        port: For the broker.
    """

    def __init__(self, settings: CloudSettings, folder: Path, port: int) -> None:
        self._settings, self._folder, self._port = settings, folder, port
        self._findings = Findings()

    def run(self, database: Database, count: int, seed: int) -> Findings:
        """Fire so many inputs, wait for what becomes of them, and count."""
        with Supervisor() as parts:
            self._start(parts)
            honest = [HonestDevice(self._port, number) for number in range(HONEST)]
            try:
                self._fire(parts, honest, count, seed)
                self._wait(parts, database)
                self._collect_acks(honest)
                self._wait(parts, database)
            finally:
                for device in honest:
                    device.sender.__exit__(None, None, None)
            self._findings.restarts = sum(parts.restarts().values())
        self._count(database, honest)
        return self._findings

    def _start(self, parts: Supervisor) -> None:
        command = broker_command(self._port, self._folder, "mosquitto")
        access = self._folder / "access"
        access.write_text(ACCESS, "utf-8")
        with (self._folder / "mosquitto.conf").open("a", encoding="utf-8") as config:
            config.write(f"acl_file {access}\n")
        mqtt = f"mqtt://cloud@{HOST}:{self._port}"
        data = str(self._settings.data_dir)
        ingest = ["cloud", "ingest", "--data", data, "--mqtt", mqtt]
        serve = ["cloud", "serve", "--data", data, "--mqtt", mqtt, "--http", f"{HOST}:0"]
        self._start_part(parts, "broker", command, "")
        for name, line in (("serve", serve), ("ingest", ingest)):
            self._start_part(parts, name, module_command(sys.executable, "industrialguard", line), "ready")

    def _start_part(self, parts: Supervisor, name: str, command: Sequence[str], word: str) -> None:
        log = self._folder / f"{name}.log"

        def is_ready() -> bool:
            if not word:
                return can_connect(self._port)
            return f'"message": "{word}"' in log.read_text("utf-8", "replace")

        parts.start(PartSpec(name, tuple(command), log, is_ready))
        parts.wait_ready(name, READY_S)

    def _fire(self, parts: Supervisor, honest: list[HonestDevice], count: int, seed: int) -> None:
        rng, progress = random.Random(seed), Progress("input", count)
        with RawSender(self._port, "fuzz") as stranger:
            for number, fuzz in enumerate(fuzz_inputs(count, seed), start=1):
                self._send(stranger, fuzz)
                device = honest[number // HONEST_EVERY % HONEST]
                if number % MALLORY_EVERY == 0:
                    self._steal(device, rng)
                if number % HONEST_EVERY == 0:
                    message = device.next_message(rng)
                    self._note_honest(message)
                    device.send(message)
                if number % LOOK_EVERY == 0:
                    self._look(parts)
                    progress.advance(number, fuzz.family)
            stranger.settle()

    def _send(self, stranger: RawSender, fuzz: FuzzInput) -> None:
        if is_topic(fuzz.topic):
            stranger.publish(fuzz.topic, fuzz.payload, fuzz.is_retained)
        elif not self._send_alone(fuzz):
            self._findings.ledger.note_broker(fuzz, REFUSED)
            return
        if is_subscribed(fuzz.topic):
            self._findings.ledger.note_delivered(fuzz)
        else:
            self._findings.ledger.note_broker(fuzz, IGNORED)

    def _send_alone(self, fuzz: FuzzInput, user: str = "fuzz") -> bool:
        """On a connection of its own, which the broker may close; whether it took it."""
        try:
            with RawSender(self._port, user) as sender:
                sender.publish(fuzz.topic, fuzz.payload, fuzz.is_retained)
                sender.settle()
        except SenderClosedError:
            return False
        return True

    def _steal(self, victim: HonestDevice, rng: random.Random) -> None:
        """Take the victim's next key with another content: the access rules must stop it."""
        forged = victim.next_message(rng)
        fuzz = FuzzInput(MALLORY, topic_of(forged), encode(forged))
        fate = IGNORED if self._send_alone(fuzz, MALLORY) else REFUSED
        self._findings.ledger.note_broker(fuzz, fate)

    def _note_honest(self, message: Message) -> None:
        self._findings.ledger.note_delivered(FuzzInput("honest", topic_of(message), encode(message)))

    def _look(self, parts: Supervisor) -> None:
        parts.poll()
        for name, used in parts.rss_bytes().items():
            self._findings.peak_bytes[name] = max(self._findings.peak_bytes[name], used)

    def _wait(self, parts: Supervisor, database: Database) -> None:
        """Until the store holds as much as it has to, or stands still."""
        ledger = self._findings.ledger
        wanted, seen, since = (ledger.n_stored, ledger.n_letters), (-1, -1), time.monotonic()
        while seen != wanted and time.monotonic() - since < STALL_S:
            self._look(parts)
            with database.session() as session:
                total = queries.message_counts(session).total
            if (total.stored, total.dead_lettered) != seen:
                seen, since = (total.stored, total.dead_lettered), time.monotonic()
            time.sleep(0.5)

    def _collect_acks(self, honest: list[HonestDevice]) -> None:
        """Ask again for what was not acknowledged, as a device does."""
        for _ in range(ACK_TRIES):
            for device in honest:
                device.sender.take_arrived(2.0)
                for message in device.unacknowledged:
                    self._note_honest(message)
                    device.send(message)
                device.sender.settle()

    def _count(self, database: Database, honest: list[HonestDevice]) -> None:
        found = self._findings
        with database.session() as session:
            devices = queries.message_counts(session).devices
        found.audit = audit(database, found.ledger)
        for device in honest:
            found.honest_sent += len(device.sent)
            found.honest_acknowledged += len(device.acknowledged)
            if device.name in devices:
                found.honest_stored += devices[device.name].stored - devices[device.name].duplicated


def is_topic(topic: bytes) -> bool:
    """Whether a client library would publish there."""
    try:
        text = topic.decode()
    except UnicodeDecodeError:
        return False
    return bool(text) and text.isprintable() and not set("+#") & set(text)


def is_subscribed(topic: bytes) -> bool:
    """Whether ingest is given what is published there (`contract.topics.ALL_UP`)."""
    levels = topic.split(b"/")
    return len(levels) == 5 and levels[:2] == [b"ig", b"v1"] and levels[3] == b"up"


def can_connect(port: int) -> bool:
    """Whether a broker answers."""
    try:
        with RawSender(port, "probe"):
            return True
    except (OSError, SenderClosedError):
        return False
