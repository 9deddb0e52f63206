"""What `tools/check_arm.py` asks of an installed agent, on this machine and on the emulated board alike.

Rule: it runs where only the `edge` extra is installed, and prints one JSON object, nothing else.

    python arm_probe.py golden | python arm_probe.py scores STATE_FOLDER
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import platform
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import SUFFIX, load_bundle
from contract.codec import decode
from contract.messages import Alarm, DeviceStatus, Message, ScoreSummary
from edge_agent.tflite import ModelRunner

LIBRARIES = ("ai-edge-litert", "tflite-runtime", "numpy", "protobuf", "paho-mqtt", "industrialguard")


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """How far one bundle's model is from what it gave where it was trained."""

    bundle: str
    windows: int
    """Golden windows that were run."""
    max_steps: int
    """Largest difference of any output, in int8 steps."""
    same_share: float
    """Share of the outputs that are equal, 0..1."""


@dataclass(frozen=True, slots=True)
class ScoreTrace:
    """What an agent left in its outbox."""

    windows: int
    """Windows it closed."""
    scored: int
    """Windows that the model gave a score."""
    scores: tuple[tuple[float, float], ...]
    """Mean and largest score of each summary, 0..1, in the order of their sequence."""
    states: tuple[str, ...]
    """The machine's state in each summary."""
    alarms: tuple[tuple[str, str, float], ...]
    """Kind and edge of each alarm, and when: seconds of machine time after the first message."""
    rss_bytes: int
    """Of the agent's process, as its last status says."""

    @property
    def decisions(self) -> tuple[object, ...]:
        """All that follows from the scores, and does not depend on when or where the agent ran."""
        return (self.windows, self.scored, self.states, self.alarms)


def main(arguments: Sequence[str]) -> int:
    """Answer one question on stdout; returns 2 for a question that is not known."""
    match list(arguments):
        case ["golden"]:
            results = [asdict(run_golden(name)) for name in shipped_bundles()]
            print(json.dumps({**describe_machine(), "golden": results}))
        case ["scores", folder]:
            print(json.dumps(asdict(read_scores(Path(folder)))))
        case _:
            print("usage: arm_probe.py golden | scores STATE_FOLDER", file=sys.stderr)
            return 2
    return 0


def describe_machine() -> dict[str, Any]:
    """The machine as Python sees it, and the versions of what is installed."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "versions": versions,
    }


def shipped_bundles() -> list[str]:
    """Names of the bundles that are installed with the contract."""
    folder = importlib.resources.files("contract") / "bundles_shipped"
    return sorted(
        entry.name.removesuffix(SUFFIX) for entry in folder.iterdir() if entry.name.endswith(SUFFIX)
    )


def run_golden(name_or_path: str) -> GoldenResult:
    """Load a bundle and run its golden windows in the runtime that is installed.

    Args:
        name_or_path: As `load_bundle` takes it.

    Raises:
        BundleError: the bundle is damaged.
        ModelError: the runtime cannot load or run the model.
    """
    bundle = load_bundle(name_or_path)
    runner = ModelRunner(bundle.model)
    given = bundle.golden_input.astype(np.int8, copy=False)
    got = np.concatenate([runner.invoke_quantised(window[np.newaxis]).copy() for window in given])
    steps = np.abs(got.astype(np.int16) - bundle.golden_output.astype(np.int16))
    return GoldenResult(
        bundle.manifest.profile_name, len(given), int(steps.max()), float(np.mean(steps == 0))
    )


def read_scores(state: Path) -> ScoreTrace:
    """Read what an agent that ran offline left in its outbox.

    Args:
        state: The agent's `--state` folder.
    """
    messages = list(_messages(state / "outbox.sqlite"))
    bodies = [message.body for message in messages]
    summaries = [body for body in bodies if isinstance(body, ScoreSummary)]
    statuses = [body for body in bodies if isinstance(body, DeviceStatus)]
    alarms = [
        (body.kind.name.lower(), body.transition.name.lower(), _seconds_between(messages[0], message))
        for message in messages
        if isinstance(body := message.body, Alarm)
    ]
    return ScoreTrace(
        windows=sum(body.window_count for body in summaries),
        scored=sum(body.scored_count for body in summaries),
        scores=tuple((body.score_mean, body.score_max) for body in summaries),
        states=tuple(body.state.name.lower() for body in summaries),
        alarms=tuple(alarms),
        rss_bytes=statuses[-1].rss_bytes if statuses else 0,
    )


def _messages(outbox: Path) -> Iterator[Message]:
    """In the order of their sequence."""
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as database:
        for (payload,) in database.execute("SELECT payload FROM messages ORDER BY boot_id, sequence"):
            yield decode(payload)


def _seconds_between(first: Message, later: Message) -> float:
    """To the millisecond: two runs begin at different times, which are rounded differently."""
    return round((later.event_time - first.event_time).total_seconds(), 3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
