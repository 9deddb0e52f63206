"""How long a running machine has been kept from being learned and judged by its own changes.

Rule: a machine that is neither learned nor judged must not look normal. A window in which it runs and is
believed teaches, is judged, or is counted here: a transition, and one that only fills a context that a change
or a gap emptied. A ramp costs a few windows and never shows; a machine that is never steady is said to be so.
Constant memory, and none of it outlives a restart: the count begins anew, as the context does.
"""

from __future__ import annotations

from contract.context import Step
from contract.profiles import MachineProfile

_KNOWING = frozenset({Step.LEARNING, Step.READY})
_CHANGING = frozenset({Step.TRANSITION, Step.FILLING})


def patience_windows(profile: MachineProfile) -> int:
    """Windows that a machine may run without being learned or judged before it counts as unsteady.

    As many as a steady one needs to fix a baseline and to fill its context: in that time it would have been
    learned anew. No context takes as long to fill again, so a ramp between two operating points never shows.
    """
    return profile.warmup.baseline_windows + profile.window.context


class Steadiness:
    """Counts the windows in which a machine ran since one was last learned or judged.

    Standing still and being blind have states of their own: they neither count nor start the count anew. So a
    machine that is only ever switched on and off again is found too.

    Args:
        profile: The machine's; says how long is too long.
    """

    def __init__(self, profile: MachineProfile) -> None:
        self._patience = patience_windows(profile)
        self._count = 0

    def add(self, step: Step) -> None:
        """Take what the next window did to the context."""
        if step in _KNOWING:
            self._count = 0
        elif step in _CHANGING:
            self._count += 1

    @property
    def is_unsteady(self) -> bool:
        """Whether it has run for too long without being learned or judged."""
        return self._count >= self._patience
