"""The agent looks for updates: what is assigned, brought and proved, is handed to the slots.

Rule: looking is always right and does no harm, however often and after whatever; what outlives a restart is
kept by the trust store and the slots, nothing here. What goes wrong is told once and tried again, ever more
rarely. A hint makes a look come sooner, and is believed in nothing else.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from contract.errors import IndustrialGuardError
from contract.updates import UpdateReport, UpdateState
from edge_agent.clock import BelievedClock
from edge_agent.reports import one_line, to_datetime
from edge_agent.schedule import full_jitter
from edge_agent.settings import AgentSettings, UpdatePace, UpdateSettings
from edge_agent.slot_state import Offer, Release, SlotReport
from edge_agent.update_rules import Decision, Todo, code_of, decide, find_fault, translate
from ota.assignment import Assignment
from ota.client import SignedRelease, UpdateClient, open_stick, open_web
from ota.errors import BusyError
from ota.sources import ClientSettings
from ota.web import WebSettings, require_address

_LOG = logging.getLogger(__name__)

OpenClient = Callable[[datetime | None, threading.Event], AbstractContextManager[UpdateClient]]
"""Opens one look, by a believed clock or none; the event calls off what is under way."""


class TakesReleases(Protocol):
    """The slots."""

    def offer(self, offer: Offer) -> None:
        """Hand over a verified file; again and again does no harm."""
        ...

    def cancel(self) -> None:
        """Whoever assigned a release calls it off."""
        ...

    def lend(self) -> Path | None:
        """The file of the bundle in charge, to make the next one of."""
        ...

    @property
    def report(self) -> SlotReport:
        """What is in charge, and what is tried."""
        ...


class Clock(Protocol):
    """A clock that knows whether it is right."""

    def now(self) -> datetime | None:
        """Aware UTC; None: it is not believed."""
        ...


class Updater:
    """Looks at what is assigned, brings it, and hands it to the slots.

    Args:
        slots: Of this device.
        open_client: Opens a look at the repository.
        tell: Takes what the cloud is to know; from any thread.
        clock: By which dates are held against what is signed.
        pace: How often to look.
        draw: Random numbers, 0..1.
    """

    def __init__(
        self,
        slots: TakesReleases,
        open_client: OpenClient,
        tell: Callable[[UpdateReport], None],
        clock: Clock | None = None,
        pace: UpdatePace | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._slots, self._open_client, self._tell = slots, open_client, tell
        self._clock = clock or BelievedClock()
        self._pace = pace or UpdatePace()
        self._draw = draw
        self.stick: tuple[Path, OpenClient] | None = None
        """A folder that is looked at first when it is there."""
        self._assignment: Assignment | None = None
        """The newest that was read since the start."""
        self._proven: datetime | None = None
        """A time that is over for sure: a release was signed then."""
        self._begun = self._brought = 0
        """Numbers of the assignments whose releases were begun and brought since the start."""
        self._vain = 0
        """Looks in a row that did not lead to where they shall."""
        self._told: tuple[object, ...] = ()
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._cancelled = threading.Event()
        self._looked_s = self._interrupted_s = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop: set `stop`, then `wake`."""
        self._stop = stop
        wait_s = self._pace.first_s * self._draw()
        while not self._pause(stop, wait_s):
            self._cancelled.clear()
            if stop.is_set():  # it may have been cleared of that
                return
            self._looked_s = time.monotonic()
            wait_s = max(self.look(self._cancelled), self._pace.least_s)

    def wake(self, hint: bytes = b"") -> None:
        """Look sooner; a newer assignment than the one that is fetched for ends that, once in a while.

        Args:
            hint: The number that is said to be assigned; may be anything.
        """
        number = int(hint) if hint.isdigit() and len(hint) < 20 else None
        known, now_s = self._assignment, time.monotonic()
        if number is not None and known is not None:
            if number <= known.number:
                return
            if now_s - self._interrupted_s >= self._pace.poll_s:
                self._interrupted_s = now_s
                self._cancelled.set()
        if self._stop.is_set():
            self._cancelled.set()
        self._woken.set()

    def look(self, cancelled: threading.Event) -> float:
        """Look once, and do what follows.

        Args:
            cancelled: Calls off what is under way.

        Returns:
            How long until the next look, in s.
        """
        self._look_at_stick(cancelled)
        try:
            now = self._now()
            with self._open_client(now, cancelled) as client:
                return self._follow(client, now)
        except IndustrialGuardError as error:
            return self._pace.least_s if cancelled.is_set() else self._put_off(error)

    def translate(self, report: SlotReport) -> UpdateReport:
        """What the slots say, as the cloud's message."""
        return translate(report)

    # -- one look --------------------

    def _follow(self, client: UpdateClient, now: datetime | None) -> float:
        client.refresh()
        assignment = client.read_assignment()
        if assignment is None:
            return self._rest()
        if self._assignment is None or self._assignment.number != assignment.number:
            self._assignment, self._vain = assignment, 0
        decision = decide(assignment, self._slots.report, now)
        if decision.todo is Todo.BRING:
            release = client.find_assigned(assignment)
            self._note_time(release)
            decision = find_fault(release.facts) or decision
        if decision.todo is Todo.REST:
            return self._rest()
        if decision.todo is Todo.SAY:
            self._say(decision)
            if decision.state is UpdateState.CANCELLED:
                client.forget()
            return self._next_poll_s()
        if decision.todo is Todo.CALL_OFF:
            self._slots.cancel()
        elif decision.todo is Todo.CONFIRM:
            self._offer(assignment, Path())
        else:
            self._offer(assignment, self._bring(client, assignment, release))
        return self._retry_s()  # to see what has become of it

    def _bring(self, client: UpdateClient, assignment: Assignment, release: SignedRelease) -> Path:
        if self._begun != assignment.number:
            self._begun = assignment.number
            self._say(Decision(Todo.BRING, UpdateState.DOWNLOADING))
        path = client.fetch(release, self._slots.lend())
        if self._brought != assignment.number:
            self._brought = assignment.number
            self._say(Decision(Todo.BRING, UpdateState.VERIFIED))
        return path

    def _offer(self, assignment: Assignment, path: Path) -> None:
        release = Release(assignment.family, assignment.version, assignment.sha256, assignment.length)
        self._slots.offer(Offer(release, str(path), assignment.number, assignment.rollout))

    def _look_at_stick(self, cancelled: threading.Event) -> None:
        if self.stick is None or not self.stick[0].is_dir():
            return
        try:
            now = self._now()
            with self.stick[1](now, cancelled) as client:
                self._follow(client, now)
        except IndustrialGuardError as error:
            _LOG.warning("nothing was taken from the stick", extra={"reason": str(error)})

    def _now(self) -> datetime | None:
        now = self._clock.now()
        return None if now is not None and self._proven is not None and now < self._proven else now

    def _note_time(self, release: SignedRelease) -> None:
        try:
            signed = datetime.fromisoformat(str(release.facts.get("released")))
        except ValueError:
            return
        if signed.utcoffset() is not None and (self._proven is None or signed > self._proven):
            self._proven = signed

    # -- what is said, and when the next look comes --------------------

    def _say(self, decision: Decision) -> None:
        """Tell the cloud, unless that was the last thing that it was told from here."""
        assignment, slots = self._assignment, self._slots.report
        number = assignment.number if assignment else 0
        said = (number, decision.state, decision.code, decision.reason)
        if said == self._told:
            return
        self._told = said
        self._tell(
            UpdateReport(
                assignment=number,
                rollout=assignment.rollout if assignment else "",
                state=decision.state,
                in_charge=slots.version,
                under_way=assignment.version if assignment else "",
                previous=slots.previous,
                since=to_datetime(time.time()),
                reason_code=decision.code,
                reason=one_line(decision.reason),
            )
        )

    def _rest(self) -> float:
        """All is as it shall be; where something else was said last, that is over."""
        self._vain = 0
        if self._told and self._told[1] is UpdateState.WAITING:
            self._tell(translate(self._slots.report))
        self._told = ()
        return self._next_poll_s()

    def _put_off(self, error: IndustrialGuardError) -> float:
        """Say what is in the way, where something is still to be done."""
        known = self._assignment
        wait_s = self._retry_s()
        facts = {"reason": str(error), "retry_in_s": round(wait_s)}
        _LOG.warning("no update for now", extra=facts)
        if known is None or decide(known, self._slots.report, None).todo is not Todo.REST:
            self._say(Decision(Todo.SAY, UpdateState.WAITING, code_of(error), str(error)))
        return max(wait_s, error.retry_after_s) if isinstance(error, BusyError) else wait_s

    def _next_poll_s(self) -> float:
        return self._pace.poll_s * (1 + (self._draw() - 0.5) / 5)

    def _retry_s(self) -> float:
        pace = self._pace
        wait_s = pace.least_s + full_jitter(self._vain, pace.first_retry_s, pace.last_retry_s, self._draw)
        self._vain += 1
        return wait_s

    def _pause(self, stop: threading.Event, wait_s: float) -> bool:
        """Wait, less long when woken; whether it is all over."""
        if self._woken.wait(wait_s) and not stop.is_set():
            self._woken.clear()
            since_s = time.monotonic() - self._looked_s
            stop.wait(max(0.0, self._pace.least_s - since_s) + self._pace.hint_spread_s * self._draw())
        return stop.is_set()


def open_updater(
    settings: AgentSettings,
    updates: UpdateSettings,
    slots: TakesReleases,
    tell: Callable[[UpdateReport], None],
) -> Updater:
    """The updater of a real device.

    Raises:
        ConfigError: an address that cannot be right.
    """
    for address in (updates.address, updates.api):
        if address:
            require_address(address)
    client = ClientSettings(
        settings.state_dir / "updates",
        updates.root,
        settings.device_id,
        updates.address,
        updates.api,
        WebSettings(updates.identity, updates.ca_file),
    )
    updater = Updater(slots, partial(open_web, client), tell, pace=updates.pace)
    if updates.stick is not None:
        stick = updates.stick
        updater.stick = (stick, lambda now, _: open_stick(client, now, stick))
    return updater
