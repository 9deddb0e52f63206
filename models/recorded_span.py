"""From recordings to the examples that the pipeline of edge models reads: a folder called a span.

Rule: a machine is on one side only, and for ever on the same (`contract.snapshot.split_of`). `train` is
learned from, `calibrate` stops the training and makes the scores true, `eval` is judged on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contract.profiles import MachineProfile
from contract.snapshot import Origin, Split, split_of
from models.errors import TooLittleDataError
from models.export import data_digest
from models.parquet import write_rows
from models.progress import Progress
from models.recorded import Recorded, record, to_row
from models.recording_manifest import RecordingManifest, format_recording_manifest
from models.recordings import Recording
from models.span_folder import place_span, span_folder
from models.stages.spans import newest_span

WINDOWS_FILE = "windows.parquet"
LEAST_TRAINING = 2
"""Fewest machines to learn from."""


@dataclass(frozen=True, slots=True)
class RecordingContent:
    """What a span of recordings is made of."""

    profile: MachineProfile
    machines: Sequence[Recorded]

    def manifest(self, origin: Origin) -> RecordingManifest:
        """What the span will say of itself.

        Raises:
            DataError: there is nothing in it.
        """
        vectors = [machine.vectors for machine in self.machines]
        count = sum(len(machine.vectors) for machine in vectors)
        return RecordingManifest(self.profile.name, origin, len(vectors), count, data_digest(vectors))


def record_all(
    recordings: Sequence[Recording], profile: MachineProfile, healthy_fraction: float
) -> RecordingContent:
    """Cut every recording into windows, with progress.

    Raises:
        DataError: one is damaged, too short, or has sensors that the profile has not.
    """
    progress = Progress("reading: machine", len(recordings))
    machines = []
    for number, recording in enumerate(recordings, start=1):
        machines.append(record(recording, profile, healthy_fraction))
        progress.advance(number, recording.machine_id)
    return RecordingContent(profile, machines)


def take_recordings(content: RecordingContent, spans: Path, origin: Origin) -> Path:
    """Write recordings as the next span; those that are the newest span already are not written twice.

    Returns:
        The folder of the span.

    Raises:
        TooLittleDataError: a side would be left without machines; says which.
        DataError: there is nothing recorded, or the disk refused.
    """
    manifest, newest = content.manifest(origin), newest_span(spans)
    before = newest.manifest if newest else None
    if newest and isinstance(before, RecordingManifest) and before.has_same_content(manifest):
        return newest.folder
    sides = _divide(content.machines)
    folder = span_folder(spans, newest.number + 1 if newest else 1)
    writers = {
        str(side): partial(write_rows, rows=[to_row(machine, content.profile) for machine in machines])
        for side, machines in sides.items()
    }
    return place_span(folder, WINDOWS_FILE, writers, format_recording_manifest(manifest))


def _divide(machines: Sequence[Recorded]) -> dict[Split, list[Recorded]]:
    sides = {side: [each for each in machines if split_of(each.machine) is side] for side in Split}
    short = [side for side, held in sides.items() if len(held) < _least(side)]
    if short:
        raise TooLittleDataError(
            f"only {len(sides[short[0]])} of {len(machines)} machines fall to {short[0]}, "
            f"{_least(short[0])} are needed; machines are split by a hash of their names, so it takes more "
            "of them (without --registry, `train edge` makes do with fewer)"
        )
    return sides


def _least(side: Split) -> int:
    return LEAST_TRAINING if side is Split.TRAIN else 1
