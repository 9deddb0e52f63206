"""What people found behind an alarm, as training learns it.

Rule: a label says what was believed at a snapshot's cut, of a machine under its pseudonym, and nothing of who
said so. Whoever has not looked gives none. `labels.jsonl` beside the lives of a snapshot holds one a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

from contract.errors import ConfigError, DataError
from contract.lives import ID_PATTERN
from contract.toml_tables import build, show

LABELS_FILE = "labels.jsonl"
_MAX_TEXT = 100
_TIMES = ("opened_at", "found_at")


class Verdict(StrEnum):
    """Was the alarm right?"""

    TRUE = "true"
    """There was something wrong, and it needed doing."""
    EARLY = "early"
    """It has begun, and can wait."""
    FALSE_ALARM = "false_alarm"
    NOT_CHECKED = "not_checked"
    """Nobody looked; it teaches nothing."""


class ComponentEnd(StrEnum):
    """What became of the component."""

    RUNS_ON = "runs_on"
    REPLACED = "replaced"
    """Before it failed."""
    FAILED = "failed"
    """It could not do its work any more; if it was replaced, then because of that."""


@dataclass(frozen=True, slots=True)
class Label:
    """A verdict on one case.

    Raises:
        DataError: what no case can be; says which field.
    """

    machine: str
    """A pseudonym."""
    opened_at: datetime
    """First alarm, aware UTC."""
    found_at: datetime
    """Aware UTC."""
    symptom: str
    """What it looked like."""
    verdict: Verdict
    peak_score: float | None = None
    """Highest of its alarms, 0..1; None: they are no longer known."""
    mode: str = ""
    """ISO 14224:2016, table B.6; empty: none."""
    cause: str = ""
    """ISO 14224:2016, table B.3; empty: none."""
    activity: str = ""
    """ISO 14224:2016, table B.5; empty: none."""
    component: str = ""
    end: ComponentEnd = ComponentEnd.RUNS_ON

    def __post_init__(self) -> None:
        _require(bool(ID_PATTERN.fullmatch(self.machine)), "machine is no id")
        for name in _TIMES:
            offset = getattr(self, name).utcoffset()
            _require(offset is not None and not offset, f"{name} must be a time in UTC")
        _require(self.verdict is not Verdict.NOT_CHECKED, "who has not looked gives no label")
        _require(self.peak_score is None or 0 <= self.peak_score <= 1, "peak_score must lie in 0..1")
        for name in ("symptom", "mode", "cause", "activity", "component"):
            text = getattr(self, name)
            is_short = len(text) <= _MAX_TEXT and (not text or text.isprintable())
            _require(is_short, f"{name} must be one line of up to {_MAX_TEXT} characters")

    @property
    def is_right(self) -> bool:
        """Whether there was something to find."""
        return self.verdict in (Verdict.TRUE, Verdict.EARLY)


@dataclass(frozen=True, slots=True)
class _Line:
    """A label as JSON holds it, so that one strict reader checks keys and types."""

    machine: str
    opened_at: str
    found_at: str
    symptom: str
    verdict: Verdict
    mode: str
    cause: str
    activity: str
    component: str
    end: ComponentEnd
    peak_score: float | None = None


def format_labels(labels: Iterable[Label]) -> str:
    """Labels as JSON lines, in order; equal labels give equal text."""
    return "".join(
        json.dumps(_table(label), ensure_ascii=False) + "\n" for label in sorted(labels, key=_in_order)
    )


def parse_labels(text: str) -> tuple[Label, ...]:
    """Read back what `format_labels` wrote.

    Raises:
        DataError: anything else; says in which line.
    """
    return tuple(_parse(number, line) for number, line in enumerate(text.splitlines(), start=1))


def _in_order(label: Label) -> tuple[str, datetime, str, datetime]:
    return label.machine, label.opened_at, label.symptom, label.found_at


def _table(label: Label) -> dict[str, object]:
    table = asdict(label) | {name: getattr(label, name).isoformat() for name in _TIMES}
    return {name: value for name, value in table.items() if value is not None}


def _parse(number: int, line: str) -> Label:
    try:
        read = build(_Line, json.loads(line), "label")
        times = {name: datetime.fromisoformat(getattr(read, name)).astimezone(UTC) for name in _TIMES}
        return Label(**asdict(read) | times)
    except (ConfigError, DataError, ValueError, RecursionError, OverflowError) as error:
        raise DataError(f"label {number}: {show(str(error))}") from error


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
