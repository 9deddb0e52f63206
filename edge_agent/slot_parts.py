"""What the slots work with: how a model is opened and tested, and slow work beside the scoring.

Rule: slow work touches nothing of the slots; its result is set by another thread, once, and taken by theirs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from contract.bundle import Bundle
from edge_agent.running_model import RunningModel
from edge_agent.slot_disk import Disk
from edge_agent.slot_keeper import SelfTest
from edge_agent.slot_rules import Action, Failed, Passed
from edge_agent.slot_state import Offer

Opener = Callable[[Bundle, Path], RunningModel]
Job = Callable[[], None]


def start_thread(work: Job) -> threading.Thread:
    """Run slow work in a thread of its own."""
    thread = threading.Thread(target=work, name="model-slot", daemon=True)
    thread.start()
    return thread


@dataclass(frozen=True, slots=True)
class SlotParts:
    """What the slots work with."""

    open_model: Opener
    self_test: SelfTest
    stop_test: Callable[[], None] = lambda: None
    disk: Disk = field(default_factory=Disk)
    clock: Callable[[], float] = time.time
    start: Callable[[Job], threading.Thread | None] = start_thread
    """Runs slow work; None: it is done."""


@dataclass(slots=True)
class SlowWork:
    """Slow work under way."""

    action: Action
    offer: Offer | None
    thread: threading.Thread | None = None
    passed: Passed | Failed | None = None
    model: RunningModel | None = None

    @property
    def is_over(self) -> bool:
        """Whether its result can be taken."""
        return self.thread is None or not self.thread.is_alive()

    def wait(self) -> None:
        """Wait until it is over."""
        if self.thread is not None:
            self.thread.join()
