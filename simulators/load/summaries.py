"""Summaries as bytes, made by changing what changes in a template.

Rule: the bytes are those that `contract.codec.encode` writes for the same message; a test holds them against
each other. Building and encoding a summary of 60 features anew costs ten times as much.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from contract.aggregates import ChannelQuality, FeatureTable
from contract.codec import encode
from contract.messages import MachineState, Message, ScoreSummary
from contract.profiles import MachineProfile
from contract.signals import QualityFlag, SensorKind

N_FEATURES = 60
AGENT_VERSION = "0.1.0"
MODEL_VERSION = "load-1"
INTERVAL_S = 10.0
REGIMES = ("full_load", "part_load")
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_SEQUENCE_TAG, _TIME_TAG = b"\x20", b"\x28"
"""Fields 4 and 5 of an Envelope, both varints."""


@dataclass(frozen=True, slots=True)
class Head:
    """How every message of one device begins, up to its sequence."""

    device_id: str
    boot_id: int
    start: bytes


def make_head(device_id: str, boot_id: int) -> Head:
    """Encode what one device's messages have in common."""
    any_features = FeatureTable.from_columns(("x",), *np.ones((3, 1)))
    start, _ = _cut(_message(device_id, boot_id, _summary(any_features, ())))
    return Head(device_id, boot_id, start)


class SummaryTemplate:
    """The summaries of one kind of machine in one state.

    Args:
        summary: Names, counts and quality that stay; its scores and features are replaced.
    """

    def __init__(self, summary: ScoreSummary) -> None:
        self._summary = summary
        n_features = len(summary.features)
        marked = _mark(summary)
        _, end = _cut(_message("x", 1, marked))
        self._end = np.frombuffer(end, np.uint8)
        self._places = _find_floats(end, _floats_of(marked))
        self.shape = (n_features, 3)
        """Of the features that `fill` takes: mean, minimum, maximum."""

    def fill(self, scores: npt.NDArray[np.float32], features: npt.NDArray[np.float32]) -> bytes:
        """What follows the event time in a message.

        Args:
            scores: float32 (4,): mean, max, p50, p90; none of them 0, which Protobuf leaves out.
            features: float32 (n_features, 3): mean, minimum, maximum; no zeros.
        """
        end = self._end.copy()
        values = np.concatenate((scores, features.ravel())).astype("<f4", copy=False)
        end[self._places] = values.view(np.uint8)
        return end.tobytes()

    def message(
        self, scores: npt.NDArray[np.float32], features: npt.NDArray[np.float32], key: tuple[Head, int, int]
    ) -> Message:
        """The same as a value; `key` is head, sequence and event time in µs."""
        head, sequence, time_us = key
        body = replace(
            self._summary,
            **dict(zip(("score_mean", "score_max", "score_p50", "score_p90"), scores.tolist(), strict=True)),
            features=FeatureTable.from_columns(self._summary.features.names, *features.T),
        )
        event_time = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(
            microsecond=time_us % 1_000_000
        )
        return Message(head.device_id, head.boot_id, sequence, event_time, body, MODEL_VERSION)


def join(head: Head, sequence: int, time_us: int, end: bytes) -> bytes:
    """A whole message."""
    middle = _SEQUENCE_TAG + _varint(sequence) + _TIME_TAG + _varint(2 * time_us)
    return b"".join((head.start, middle, end))


class SummaryMaker:
    """Summaries of one profile, whose numbers vary.

    Args:
        profile: Names the sensors; its features are repeated until there are 60.
        seed: Same seed, same numbers.
    """

    def __init__(self, profile: MachineProfile, seed: int, feature_names: Sequence[str]) -> None:
        self._random = np.random.default_rng(seed)
        names = [
            f"{name}{'' if turn == 0 else f'_{turn + 1}'}" for turn in range(60) for name in feature_names
        ]
        self._templates = [
            SummaryTemplate(summary) for summary in possible_summaries(profile, names[:N_FEATURES])
        ]

    def make(self) -> bytes:
        """The end of another summary."""
        template, scores, features = self.draw()
        return template.fill(scores, features)

    def draw(self) -> tuple[SummaryTemplate, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """A template, and numbers for it."""
        drawn = self._random.random(2 * N_FEATURES + 5, np.float32)
        template = self._templates[int(drawn[-1] * len(self._templates))]
        scores = np.float32(0.001) + np.sort(drawn[:4])[[1, 3, 0, 2]] * np.float32(0.4)
        means = 1 + drawn[4 : 4 + N_FEATURES]
        spread = np.float32(0.01) + np.float32(0.1) * drawn[4 + N_FEATURES : -1]
        return template, scores, np.column_stack((means, means - spread, means + spread))


def possible_summaries(profile: MachineProfile, names: Sequence[str]) -> list[ScoreSummary]:
    """What a machine may say of itself: in each regime, and with a sensor that is doubted now and then."""
    ones = np.ones(len(names))
    features = FeatureTable.from_columns(names, ones, ones, ones)
    found = []
    for regime in REGIMES:
        for number in range(4):
            quality = tuple(
                _quality(sensor.name, sensor.kind is SensorKind.WAVEFORM, number == 3 and place == 0)
                for place, sensor in enumerate(profile.sensors)
            )
            found.append(replace(_summary(features, quality), regime=regime))
    return found


def _quality(sensor: str, is_waveform: bool, is_doubted: bool) -> ChannelQuality:
    good = 4096 if is_waveform else 10
    if not is_doubted:
        return ChannelQuality(sensor, good, 0, 0)
    return ChannelQuality(sensor, good // 2, 0, good - good // 2, QualityFlag.OUT_OF_RANGE)


def _summary(features: FeatureTable, quality: tuple[ChannelQuality, ...]) -> ScoreSummary:
    return ScoreSummary(
        INTERVAL_S, MachineState.WATCHING, 2, 2, 0.5, 0.5, 0.5, 0.5, 1.0, REGIMES[0], features, quality
    )


def _message(device_id: str, boot_id: int, summary: ScoreSummary) -> Message:
    return Message(device_id, boot_id, 1, _SINCE, summary, MODEL_VERSION)


def _cut(message: Message) -> tuple[bytes, bytes]:
    """A message's bytes before its sequence, and those after its event time."""
    time_us = int(message.event_time.timestamp()) * 1_000_000
    middle = _SEQUENCE_TAG + _varint(message.sequence) + _TIME_TAG + _varint(2 * time_us)
    start, _, end = encode(message).partition(middle)
    return start, end


def _mark(summary: ScoreSummary) -> ScoreSummary:
    """The same with a number of its own in each place that will be filled, in order."""
    steps = 3.0 * np.arange(len(summary.features))
    features = FeatureTable.from_columns(summary.features.names, 1001 + steps, 1000 + steps, 1002 + steps)
    return replace(
        summary, score_mean=0.0625, score_max=0.875, score_p50=0.375, score_p90=0.75, features=features
    )


def _floats_of(summary: ScoreSummary) -> list[float]:
    scores = [summary.score_mean, summary.score_max, summary.score_p50, summary.score_p90]
    return [*scores, *summary.features.numbers().ravel().tolist()]


def _find_floats(data: bytes, values: Sequence[float]) -> npt.NDArray[np.intp]:
    """Places of the bytes of float32s that stand in `data` in this order."""
    places: list[int] = []
    start = 0
    for value in values:
        start = data.index(struct.pack("<f", value), start)
        places += range(start, start + 4)
        start += 4
    return np.array(places, np.intp)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
