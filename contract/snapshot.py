"""A training snapshot: a dated folder with everything that was known of a fleet's lives at one moment.

Rule: a snapshot is written once and never changed, and it holds nothing that was learned after its cut. It
is a folder of `manifest.json` (this module), `lives.parquet` (`contract.life_columns`), one row for each
life, and `labels.jsonl` (`contract.labels`) where people judged alarms. Machines stand in it under
pseudonyms, and each falls to the same side of every split for ever.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from contract.errors import ConfigError, DataError
from contract.lives import End, Life, LifeSpec
from contract.toml_tables import build, show

FORMAT = 1
MANIFEST_FILE = "manifest.json"
LIVES_FILE = "lives.parquet"
SECONDS: Mapping[str, float] = {"s": 1.0, "h": 3600.0}
"""Units of age that have a place on a calendar; a cycle has none."""

MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 64
TRAIN_SHARE, CALIBRATE_SHARE = 0.70, 0.15
"""Shares of machines; the rest is kept for evaluation."""
_HASH_PATTERN = re.compile(r"[0-9a-f]{64}")
_MAX_TEXT = 400


class Split(StrEnum):
    """What a machine's lives are used for."""

    TRAIN = "train"
    CALIBRATE = "calibrate"
    EVAL = "eval"


class LifeKey(NamedTuple):
    """What no two lives of a snapshot share."""

    machine: str
    component: str
    number: int


Installed = Mapping[LifeKey, datetime]
"""When, in aware UTC, a life had age 0; a life that is not in it has no calendar."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a snapshot comes from.

    Raises:
        DataError: a time without a zone, a cut after the snapshot was made, or text that is too long.
    """

    cut: datetime
    """Aware UTC: what happened later is not in it."""
    created: datetime
    """Aware UTC, not before the cut."""
    source: str
    """For people: which store or data set."""
    code_version: str
    key_id: str = ""
    """Which key made the pseudonyms (`key_id_of`); empty: ids are the source's own."""

    def __post_init__(self) -> None:
        for name in ("cut", "created"):
            offset = getattr(self, name).utcoffset()
            _require(offset is not None and not offset, f"{name} must be a time in UTC")
        _require(
            self.cut <= self.created,
            f"the cut, {self.cut.isoformat()}, is later than the snapshot, {self.created.isoformat()}",
        )
        for name in ("source", "code_version", "key_id"):
            text = getattr(self, name)
            is_line = len(text) <= _MAX_TEXT and (not text or text.isprintable())
            _require(is_line, f"{name} must be one line of up to {_MAX_TEXT} characters")
        _require(bool(self.source and self.code_version), "source and code_version must not be empty")


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a snapshot holds, so that a smaller one than expected is seen at a glance.

    Raises:
        DataError: numbers that contradict each other, or an empty snapshot.
    """

    lives: int
    machines: int
    rows: int
    events: int
    failed: int
    """Lives that ended in a failure; the others are censored."""

    def __post_init__(self) -> None:
        _require(self.lives > 0, "the snapshot is empty: it holds no lives")
        fits = 0 < self.machines <= self.lives <= self.rows
        fits = fits and 0 <= self.failed <= self.lives and self.events >= 0
        _require(fits, f"counts contradict each other: {asdict(self)}")


def count_lives(lives: Sequence[Life]) -> Counts:
    """How much these lives are.

    Raises:
        DataError: there are none.
    """
    return Counts(
        lives=len(lives),
        machines=len({life.machine for life in lives}),
        rows=sum(len(life.age) for life in lives),
        events=sum(len(life.events) for life in lives),
        failed=sum(not life.is_censored for life in lives),
    )


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What a snapshot says of itself.

    Raises:
        DataError: a hash that is none.
    """

    spec: LifeSpec
    origin: Origin
    counts: Counts
    lives_sha256: str
    """Of `lives.parquet`, in lower-case hex."""
    labels_sha256: str = ""
    """Of `labels.jsonl`; empty: there are none, because nobody could have judged an alarm there."""

    def __post_init__(self) -> None:
        _require(bool(_HASH_PATTERN.fullmatch(self.lives_sha256)), "lives_sha256 must be 64 hex digits")
        is_hash = not self.labels_sha256 or bool(_HASH_PATTERN.fullmatch(self.labels_sha256))
        _require(is_hash, "labels_sha256 must be 64 hex digits")

    @property
    def name(self) -> str:
        """A name for lineage: type, cut and content, such as `turbofan-20260301T000000Z-1f3a9c2b7d10`."""
        return f"{self.spec.machine_type}-{self.origin.cut:%Y%m%dT%H%M%SZ}-{self.lives_sha256[:12]}"


@dataclass(frozen=True, slots=True)
class _OriginTable:
    cut: str
    created: str
    source: str
    code_version: str
    key_id: str


@dataclass(frozen=True, slots=True)
class _ManifestTable:
    """The manifest as JSON holds it, so that one strict reader checks keys and types."""

    format: int
    spec: LifeSpec
    origin: _OriginTable
    counts: Counts
    lives_sha256: str
    labels_sha256: str = ""


def format_manifest(manifest: SnapshotManifest) -> str:
    """The manifest as JSON; equal manifests give equal text."""
    origin = asdict(manifest.origin)
    table = {
        "format": FORMAT,
        "spec": asdict(manifest.spec),
        "origin": origin | {name: origin[name].isoformat() for name in ("cut", "created")},
        "counts": asdict(manifest.counts),
        "lives_sha256": manifest.lives_sha256,
    }
    if manifest.labels_sha256:
        table["labels_sha256"] = manifest.labels_sha256
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def parse_manifest(text: str) -> SnapshotManifest:
    """Read back what `format_manifest` wrote.

    Raises:
        DataError: anything else; says what is wrong in one line.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the manifest is no JSON: {show(str(error))}") from error
    found = table.get("format") if isinstance(table, dict) else None
    _require(
        found == FORMAT, f"the manifest is of format {show(found)}, not {FORMAT}; write the snapshot anew"
    )
    try:
        read = build(_ManifestTable, table, "manifest")
    except ConfigError as error:
        raise DataError(str(error)) from error
    texts = {each.name: getattr(read.origin, each.name) for each in fields(_OriginTable)}
    times = {name: _parse_time(texts[name], name) for name in ("cut", "created")}
    return SnapshotManifest(
        read.spec, Origin(**texts | times), read.counts, read.lives_sha256, read.labels_sha256
    )


def split_of(machine: str) -> Split:
    """The side that all lives of a machine are on: a hash of its id, so it never changes.

    Over many machines about 70 of 100 train, 15 calibrate and 15 evaluate; few machines may leave a side
    empty. A new pseudonym key gives machines new ids and with them new sides.

    >>> [str(split_of(f"pump-{number}")) for number in range(5)]
    ['train', 'train', 'train', 'calibrate', 'eval']
    """
    digest = hashlib.blake2b(machine.encode(), digest_size=8, person=b"ig-split-1").digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < TRAIN_SHARE:
        return Split.TRAIN
    return Split.CALIBRATE if place < TRAIN_SHARE + CALIBRATE_SHARE else Split.EVAL


def pseudonym(device_id: str, key: bytes) -> str:
    """The name of a device in training data: a keyed hash, which nobody without the key can undo or guess.

    Args:
        device_id: As the fleet knows it.
        key: 16 to 64 secret bytes; the same key gives the same names in every snapshot.

    Raises:
        ConfigError: the key is too short or too long.
    """
    _require_key(key)
    return (
        "m-" + hashlib.blake2b(device_id.encode(), digest_size=16, key=key, person=b"ig-machine").hexdigest()
    )


def key_id_of(key: bytes) -> str:
    """A public name of a pseudonym key: tells two keys apart, and nothing else about them.

    Raises:
        ConfigError: the key is too short or too long.
    """
    _require_key(key)
    return hashlib.blake2b(b"key id", digest_size=4, key=key, person=b"ig-key-id").hexdigest()


def key_of(life: Life) -> LifeKey:
    """What tells this life from all others."""
    return LifeKey(life.machine, life.component, life.number)


def age_at(moment: datetime, installed: datetime, time_unit: str) -> float:
    """The age at a moment of what was installed then; negative before.

    Raises:
        DataError: the unit is not one of time.
    """
    if time_unit not in SECONDS:
        raise DataError(f"an age in {time_unit} has no calendar; only {', '.join(SECONDS)} have")
    return (moment - installed).total_seconds() / SECONDS[time_unit]


def as_known_at(life: Life, age: float) -> Life | None:
    """What was known of a life at an age: later rows and events are gone, a later end has not happened yet.

    Returns:
        The life, running if it ended later; None if it had no row yet.
    """
    n_rows = int(np.searchsorted(life.age, age, side="right"))
    if n_rows == 0:
        return None
    if life.end_age <= age:
        return life
    return replace(life.cut(n_rows), end=End.RUNNING, end_age=age)


def require_known_at(life: Life, installed: datetime, cut: datetime, time_unit: str) -> None:
    """Refuse a life that holds anything from after the cut.

    Raises:
        DataError: its end, which nothing else in it is later than, lies in the future; names the machine.
    """
    at_cut = age_at(cut, installed, time_unit)
    known = at_cut + 1e-6 * max(1.0, abs(at_cut))  # ages and dates are rounded differently
    for what, age in (("its last row", float(life.age[-1])), ("its end", life.end_age)):
        _require(
            age <= known,
            f"machine {life.machine}, {life.component} {life.number}: {what} lies {age - at_cut:g} "
            f"{time_unit} after the cut, {cut.isoformat()}",
        )


def _parse_time(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"manifest: {name} is no time: {show(text)}") from error
    _require(moment.tzinfo is not None, f"manifest: {name} needs a time zone: {show(text)}")
    return moment.astimezone(UTC)


def _require_key(key: bytes) -> None:
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ConfigError(f"a pseudonym key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes, not {len(key)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
