"""A hint that comes after its alarm.

Rule: pure, and told once. An alarm is early, and what it looks like may show only when it stands. So for a
while its machine is looked at again, and a hint that lasts is told if there was none, or if it is the first
one with more to speak for it. Another cause than the first is not told: two answers are none. After a
restart nothing more is said of an alarm that stood.
"""

from __future__ import annotations

from contract.explanation import Hint
from edge_agent.watch import Announcement

LOOKED_AT_WINDOWS = 20
"""Windows after an alarm in which its machine is looked at again."""
LASTING_WINDOWS = 3
"""Windows in a row that must say the same: one alone may be chance."""


class LateHint:
    """Looks again at the machine of one alarm.

    Args:
        alarm: As it was raised.
        hints: What it looked like then, strongest first.
    """

    def __init__(self, alarm: Announcement, hints: tuple[Hint, ...]) -> None:
        self.alarm = alarm
        self._first = hints[0] if hints else None
        self._left = LOOKED_AT_WINDOWS
        self._code = ""
        self._lasted = 0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to look for."""
        return self._left == 0

    def take(self, hints: tuple[Hint, ...]) -> bool:
        """Take what the next window of the alarm looks like.

        Args:
            hints: Strongest first.

        Returns:
            Whether these are to be told; then it is over.
        """
        if self.is_over:
            return False
        self._left -= 1
        code = hints[0].code if hints and self._says_more(hints[0]) else ""
        self._lasted = self._lasted + 1 if code == self._code else 1
        self._code = code
        if not code or self._lasted < LASTING_WINDOWS:
            return False
        self._left = 0
        return True

    def _says_more(self, hint: Hint) -> bool:
        first = self._first
        return first is None or (hint.code == first.code and hint.strength > first.strength)
