"""The look for updates beside the scoring, and what the cloud is told of it.

Rule: said by two threads, put on disk by the agent's. A report says what is in charge when it is sent, not
when it was made; what the slots say is on disk before they go on, after everything that was said before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from contract.updates import UpdateReport
from edge_agent.model_slot import ModelSlots
from edge_agent.settings import AgentSettings
from edge_agent.slot_state import SlotReport
from edge_agent.supervised import start_supervised
from edge_agent.update_rules import renew, translate

if TYPE_CHECKING:
    from edge_agent.updates import Updater

END_S = 5.0
"""Longest wait for a look to end, in s; one that hangs in the network goes with the process."""


class UpdateThread:
    """Of one agent; without updates in its settings it only tells what becomes of the slots.

    Args:
        settings: This device.
        slots: What updates come to; they report here from now on.
        keep: Puts a report on disk; called in the agent's thread.
    """

    def __init__(
        self, settings: AgentSettings, slots: ModelSlots, keep: Callable[[UpdateReport], None]
    ) -> None:
        self._settings = settings
        self._slots = slots
        self._keep = keep
        self._said: queue.SimpleQueue[UpdateReport] = queue.SimpleQueue()
        self._updater: Updater | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        slots.on_report = self._tell

    def start(self) -> Callable[[bytes], None] | None:
        """Begin to look; returns who takes hints, where anybody does.

        Raises:
            ConfigError: an address that cannot be right.
        """
        settings = self._settings
        if settings.updates is None:
            return None
        from edge_agent.updates import open_updater  # what it needs is installed only where there are updates

        self._updater = updater = open_updater(settings, settings.updates, self._slots, self._said.put)
        name = f"updates-{settings.device_id}"
        self._thread = start_supervised(name, updater.run, self._stop, settings.max_backoff_s)
        return updater.wake

    def drain(self) -> None:
        """Put on disk what was said meanwhile; in the agent's thread."""
        while not self._said.empty():
            self._keep(renew(self._said.get(), self._slots.report))

    def close(self) -> None:
        """End the look; what was said is put on disk."""
        self._stop.set()
        if self._updater is not None and self._thread is not None:
            self._updater.wake()
            self._thread.join(END_S)
        self.drain()

    def _tell(self, report: SlotReport) -> None:
        self.drain()
        self._keep(translate(report))
