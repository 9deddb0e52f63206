"""What the audit trail of a rollout says, in words for somebody who watches.

Rule: pure. A step that many machines take at once is one line; who goes first is told in full, who follows in
outcomes only.

>>> join(["pump-01", "pump-02", "pump-03", "pump-04", "pump-05"])
'pump-01, pump-02, pump-03 and 2 others'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from simulators.release_plan import ReleasePlan
from simulators.terminal import format_duration

NAMED = 3
_STEPS: Mapping[str, str] = {
    "self_test": "{who}: the new model is tested in a process of its own",
    "shadow": "{who}: the new model runs beside the old one, and nobody hears it yet",
    "probation": "{who}: the new model is in charge, the old one stands by",
}
_ENDS: Mapping[str, str] = {
    "refused": "{who}: refused, {why}",
    "rolled_back": "{who}: back on {old} by itself, {why}",
    "timed_out": "{who}: not heard of in time, {why}",
}


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One line of the audit trail."""

    id: int
    time: datetime
    what: str
    why: str
    device: str
    """Empty: the rollout as a whole."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line for people."""

    text: str
    style: str = ""


class Teller:
    """Turns entries into lines, as they come.

    Args:
        plan: What is released to whom.
        old: The version that machines were born with.
        new: The one that is released.
    """

    def __init__(self, plan: ReleasePlan, old: str, new: str) -> None:
        self._plan = plan
        self._old, self._new = old, new
        self._began: datetime | None = None
        self._running: set[str] = set()

    def tell(self, entries: Iterable[TrailEntry]) -> Iterator[Line]:
        """The lines of some entries, which come in order."""
        for (what, why, is_first), group in groupby(entries, self._alike):
            found = list(group)
            devices = [entry.device for entry in found if entry.device]
            for entry in found:
                self._note(entry)
            line = self._about(devices, what, why, is_first) if devices else self._whole(found[0])
            if line is not None:
                yield line

    def _alike(self, entry: TrailEntry) -> tuple[str, str, bool]:
        return entry.what, entry.why, entry.device in self._plan.canaries

    def _note(self, entry: TrailEntry) -> None:
        if entry.what == "started":
            self._began = entry.time
        elif entry.device and entry.what == "confirmed":
            self._running.add(entry.device)
        elif entry.device and entry.what in _ENDS:
            self._running.discard(entry.device)

    def _about(self, devices: Sequence[str], what: str, why: str, is_first: bool) -> Line | None:
        if what == "confirmed":
            count = f"{len(self._running)} of {len(self._plan.machines)} run {self._new}"
            return Line(f"{join(devices)}: healthy with the new model, which stays: {count}", "green")
        words = {"who": join(devices), "why": why, "old": self._old}
        if what in _ENDS:
            return Line(_ENDS[what].format(**words), "bold yellow")
        is_told = what in _STEPS and (is_first or what == "probation")
        return Line(_STEPS[what].format(**words)) if is_told else None

    def _whole(self, entry: TrailEntry) -> Line | None:
        took = format_duration((entry.time - self._began).total_seconds()) if self._began else ""
        match entry.what:
            case "started":
                return Line(f"{self._introduce()}.", "bold")
            case "group went through" if entry.why == CANARY and self._plan.others:
                others = len(self._plan.others)
                return Line(
                    f"{join(self._plan.canaries)}: healthy after {took}. Now the other {others}.", "bold"
                )
            case "completed":
                count = f"{len(self._running)} of {len(self._plan.machines)} run {self._new}"
                rest = "." if len(self._running) == len(self._plan.machines) else "; the last ones follow."
                return Line(f"Rollout complete after {took}: {count}{rest}", "bold green")
            case "halted":
                return Line(f"The rollout halts by itself: {entry.why}.", "bold yellow")
            case "aborted":
                return Line("The rollout is called off.", "bold yellow")
        return None

    def _introduce(self) -> str:
        first = join(self._plan.canaries)
        then = f", then on {len(self._plan.others)} more" if self._plan.others else ""
        if self._plan.spoil is not None:
            return (
                f"A spoiled release, {self._new}: signed, and its papers say that all is well, because "
                f"somebody got it past the gates. First on {first}{then}"
            )
        return f"A release, {self._new} for {self._old}: signed, published, first on {first}{then}"


CANARY, REST = "canary", "rest"
"""The groups of the rollout."""


def join(names: Sequence[str]) -> str:
    """Names as a person would list them."""
    if not names:
        return ""
    shown = list(names[:NAMED]) if len(names) > NAMED + 1 else list(names)
    if left := len(names) - len(shown):
        shown.append(f"{left} others")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
