from __future__ import annotations

import ctypes
from datetime import UTC, datetime

import pytest

from edge_agent import clock
from edge_agent.clock import WRITTEN, BelievedClock, is_synchronised

LATER = datetime(2027, 5, 1, 12, tzinfo=UTC)


def test_a_clock_that_is_kept_right_is_believed() -> None:
    assert BelievedClock(lambda: True, LATER.timestamp).now() == LATER
    assert BelievedClock(lambda: False, LATER.timestamp).now() is None


def test_a_time_before_this_code_was_written_is_not() -> None:
    assert BelievedClock(lambda: True, lambda: WRITTEN.timestamp() - 1).now() is None
    assert BelievedClock(lambda: True, lambda: 0.0).now() is None


class Kernel:
    """Answers `adjtimex`, or has no such call."""

    def __init__(self, answer: int, status: int) -> None:
        self._answer, self._status = answer, status

    def adjtimex(self, timex: object) -> int:
        asked = ctypes.cast(timex, ctypes.POINTER(clock._Timex)).contents  # type: ignore[arg-type]
        assert asked.modes == 0, "it asks, and sets nothing"
        asked.status = self._status
        return self._answer


@pytest.mark.parametrize(
    ("answer", "status", "is_kept"),
    [(0, 0x2001, True), (5, 0x0040, False), (0, 0x2041, False), (-1, 0, False)],
    ids=["kept", "not-kept", "lost-its-server", "forbidden"],
)
def test_the_kernel_is_asked(
    answer: int, status: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel(answer, status))
    assert is_synchronised() is is_kept


def test_a_kernel_that_cannot_be_asked_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert is_synchronised() is False


def test_this_machines_kernel_answers() -> None:
    assert is_synchronised() in (True, False)
