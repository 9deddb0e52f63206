"""The feature values that are kept for each feature version, and the tool that writes them.

`python -m tests.contract.golden_features` writes the files that the current feature version lacks; it never
overwrites. Each file holds a profile, the samples of a few windows and the vector each of them must give.

A version of a profile that changes nothing features depend on (hop, context, warm-up and alarm do not count)
is held to the file of the version before it; one that does gets a file of its own, `<name>.v<version>.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.features import compute_features, feature_specs
from contract.profiles import (
    FEATURE_VERSION,
    AlarmSpec,
    MachineProfile,
    WarmupSpec,
    WindowSpec,
    format_profile,
    load_profile,
    parse_profile,
    profile_names,
)
from contract.signals import QualityFlag, Samples, SensorKind, SensorSpec, SlowChange
from contract.windows import Window

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "features"
WINDOWS = 3
_START_S = 1_700_000_000.0


def synthesise(spec: SensorSpec, profile: MachineProfile, rng: np.random.Generator, index: int) -> Samples:
    """Believable samples of one sensor; the last window lacks some."""
    if spec.kind is SensorKind.WAVEFORM:
        times_s = np.arange(spec.burst_samples) / spec.rate_hz
        ring = np.exp(-(times_s % 0.0093) * 900) * np.sin(2 * np.pi * 0.31 * spec.rate_hz * times_s)
        scale = min(1.0, spec.range_max) / 10
        tone = np.sin(2 * np.pi * 55.0 * times_s)
        return np.asarray(scale * (tone + index * ring + 0.3 * rng.normal(size=times_s.size)), np.float32)
    low, high = max(spec.range_min, -1e4), min(spec.range_max, 1e4)
    count = max(1, round(profile.window.length_s * spec.rate_hz))
    row = low + (high - low) * (0.4 + 0.01 * index + 0.002 * rng.normal(size=count))
    return np.asarray(row[: 0 if index == WINDOWS - 1 and spec is profile.sensors[-1] else count], np.float32)


def to_window(profile: MachineProfile, samples: dict[str, Samples]) -> Window:
    """A window of these samples, all good."""
    offsets_s = {
        s.name: (np.arange(samples[s.name].size) + 0.5) / s.rate_hz
        for s in profile.sensors
        if s.kind is SensorKind.SCALAR
    }
    counts = {name: (row.size, 0, 0) for name, row in samples.items()}
    end_s = _START_S + profile.window.length_s
    return Window(_START_S, end_s, samples, offsets_s, counts, dict.fromkeys(samples, QualityFlag.NONE))


def definition(profile: MachineProfile) -> MachineProfile:
    """What of a profile the features of a window depend on; the rest at fixed values."""
    length_s = profile.window.length_s
    return replace(
        profile,
        version=1,
        description="",
        window=WindowSpec(length_s, length_s),
        summary_interval_s=length_s,
        warmup=WarmupSpec(),
        alarm=AlarmSpec(),
        sensors=tuple(replace(spec, slow_change=SlowChange.DRIFT) for spec in profile.sensors),
    )


def golden_of(profile: MachineProfile, folder: Path) -> Path | None:
    """The file that pins this profile's features."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as content:
            kept = parse_profile(str(content["profile"]), str(path))
        if definition(kept) == definition(profile):
            return path
    return None


def write_missing(folder: Path, profiles: Iterable[MachineProfile] | None = None) -> list[str]:
    """Write files for the profiles (those that ship) whose features no file pins; returns the files' stems.

    Raises:
        FileExistsError: a profile yields other features than its file, and is no later version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shipped = profiles if profiles is not None else map(load_profile, profile_names())
    missing = [profile for profile in shipped if golden_of(profile, folder) is None]
    stems = [p.name if p.version == 1 else f"{p.name}.v{p.version}" for p in missing]
    for profile, stem in zip(missing, stems, strict=True):
        _write(folder / f"{stem}.npz", profile)
    return stems


def _write(path: Path, profile: MachineProfile) -> None:
    rng = np.random.default_rng(20240517)
    content: dict[str, npt.NDArray[Any]] = {
        "profile": np.array(format_profile(profile)),
        "names": np.array([spec.name for spec in feature_specs(profile)]),
    }
    for index in range(WINDOWS):
        samples = {s.name: synthesise(s, profile, rng, index) for s in profile.sensors}
        vector = compute_features(to_window(profile, samples), profile)
        content.update({f"in{index}_{sensor}": row for sensor, row in samples.items()})
        content.update({f"values{index}": vector.values, f"regime{index}": np.array(vector.regime)})
    with path.open("xb") as file:
        np.savez_compressed(file, **content)


def read(path: Path) -> tuple[MachineProfile, list[str], list[tuple[Window, npt.NDArray[Any], str]]]:
    """A profile, the names of its features, and windows with the vector and regime they must give."""
    with np.load(path, allow_pickle=False) as content:
        profile = parse_profile(str(content["profile"]), str(path))
        cases = []
        for index in range(WINDOWS):
            samples = {s.name: content[f"in{index}_{s.name}"] for s in profile.sensors}
            cases.append(
                (to_window(profile, samples), content[f"values{index}"], str(content[f"regime{index}"]))
            )
        return profile, content["names"].tolist(), cases


if __name__ == "__main__":
    sys.stdout.write(f"written: {', '.join(write_missing(FOLDER / f'v{FEATURE_VERSION}')) or 'nothing'}\n")
