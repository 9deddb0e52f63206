"""What became of every input, beside what had to become of it.

Rule: what has to happen follows from the contract and the broker's subscription alone; what did happen is
read from the store. Nothing is taken from counters of the code under test, and nothing may be left over.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from cloud.dead_letters import KEEP_BYTES, TOPIC_CHARACTERS, printable
from cloud.ingest import validate
from cloud.store import queries
from cloud.store.database import Database
from cloud.store.letters import read_unresolved
from contract.errors import MessageError
from contract.messages import SEQUENCED
from industrialguard.bench.fuzz_inputs import FuzzInput

STORED, REPEATED, PRESENCE = "stored", "repeated", "presence"
IGNORED = "ignored_by_broker"
"""Taken by the broker and given to nobody: nobody subscribes to the topic, or its access rules forbid it."""
REFUSED = "refused_by_broker"
"""The broker closed the connection on the sender."""
PAGE = 1000

Letter = tuple[str, str, int, str]
"""Topic, error class, size and digest of what is kept."""


@dataclass(slots=True)
class Ledger:
    """Counts of fates by family, and everything that the store has to hold."""

    fates: dict[str, Counter[str]] = field(default_factory=dict)
    keys: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    """(boot, sequence) by device."""
    letters: Counter[Letter] = field(default_factory=Counter)

    def note_broker(self, fuzz: FuzzInput, fate: str) -> None:
        """Note what ended at the broker."""
        self.fates.setdefault(fuzz.family, Counter())[fate] += 1

    def note_delivered(self, fuzz: FuzzInput) -> str:
        """Note what ingest is given; returns what has to become of it."""
        fate = self._judge(fuzz)
        self.fates.setdefault(fuzz.family, Counter())[fate] += 1
        return fate

    def count(self, fate: str) -> int:
        """Inputs of that fate."""
        return sum(counter[fate] for counter in self.fates.values())

    @property
    def n_letters(self) -> int:
        """Dead letters that there have to be."""
        return self.letters.total()

    @property
    def n_stored(self) -> int:
        """Messages that there have to be."""
        return sum(map(len, self.keys.values()))

    def _judge(self, fuzz: FuzzInput) -> str:
        topic = fuzz.topic.decode()
        try:
            message = validate(topic, fuzz.payload)
        except MessageError as error:
            name = type(error).__name__
            self.letters[_letter(topic, name, len(fuzz.payload), fuzz.payload[:KEEP_BYTES])] += 1
            return name
        if message.kind not in SEQUENCED:
            return PRESENCE
        known = self.keys.setdefault(message.device_id, set())
        key = message.boot_id, message.sequence
        if key in known:
            return REPEATED
        known.add(key)
        return STORED


@dataclass(frozen=True, slots=True)
class Audit:
    """The store beside the ledger."""

    missing: int
    """Messages and dead letters that had to be there and are not."""
    surplus: int
    """What is there and had not to be; duplicates among them."""
    examples: tuple[str, ...]

    @property
    def is_balanced(self) -> bool:
        """Whether the sum of outcomes is the sum of inputs."""
        return not self.missing and not self.surplus


def audit(database: Database, ledger: Ledger) -> Audit:
    """Hold the store against the ledger."""
    wanted, found = _wanted(ledger), _found(database)
    lost, more = wanted - found, found - wanted
    examples = [f"missing {count} x {what}" for what, count in lost.most_common(5)]
    examples += [f"surplus {count} x {what}" for what, count in more.most_common(5)]
    return Audit(lost.total(), more.total(), tuple(examples))


def _wanted(ledger: Ledger) -> Counter[tuple[object, ...]]:
    wanted: Counter[tuple[object, ...]] = Counter(dict(ledger.letters.items()))
    for device, keys in ledger.keys.items():
        wanted["message", device] = len(keys)
    wanted["repeated",] = ledger.count(REPEATED)
    return wanted


def _found(database: Database) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    with database.session() as session:
        counts = queries.message_counts(session)
    for device, count in counts.devices.items():
        if count.stored:
            found["message", device] = count.stored
    found["repeated",] = counts.total.redelivered
    after, rows = 0, True
    while rows:
        with database.session() as session:  # a new one for each page: it holds all that it has read
            page = read_unresolved(session, after, PAGE)
        found.update(_letter(row.topic, row.error, row.size_bytes, row.payload) for row in page)
        after, rows = page[-1].id if page else after, bool(page)
    return found


def _letter(topic: str, error: str, size: int, kept: bytes) -> Letter:
    return printable(topic)[:TOPIC_CHARACTERS], error, size, hashlib.sha256(kept).hexdigest()
