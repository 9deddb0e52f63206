"""Rollouts over the store: what people ask for, and the scheduler that carries it out.

Rule: each change is one transaction, made only if nobody else has changed the rollout since it was read, with
its entries in the audit trail. A step is worked out and signed before that transaction begins, so that nobody
waits for a key; of two schedulers that take the same step one writes it, and the other's never happened. What
a device is told is stored before it is hinted at.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from cloud.acks import Publisher
from cloud.agenda import Agenda
from cloud.errors import LinkError, RecordRefusedError, StaleError, StoreError
from cloud.metrics import ReleaseMetrics
from cloud.signatures import AssignmentSigner, renew_signatures, tag_of
from cloud.store.database import Database
from cloud.store.rollout_facts import FactReader
from cloud.store.rollouts import (
    StoredRollout,
    add_events,
    add_rollout,
    next_rank,
    put_assignment,
    read_rollout,
    rollouts_in,
    save_rollout,
)
from cloud.store.rows import AssignmentRecord
from contract.topics import UpdateTopic
from ota import rollout as rules
from ota.assignment import Action, Assignment
from ota.errors import RolloutError, UpdateError
from ota.rollout import LIVE, Change, Rollout
from ota.rollout_plan import Plan, is_person
from ota.rollout_step import Order, OrderKind, Step, step

_LOG = logging.getLogger(__name__)
ROUND_S = 5.0
"""Between two rounds over the rollouts that run, in s."""
ATTEMPTS = 20
"""At a change that others come before."""
SCHEDULER = "scheduler"
"""Who did it, in the audit trail, where no person did."""
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Cloud time."""
    return datetime.now(UTC)


class ReleaseList(Protocol):
    """Whoever knows which releases there are; `cloud.catalogue.Catalogue` does."""

    def require_listed(self, plan: Plan) -> None:
        """Refuse a plan whose releases are not listed any more.

        Raises:
            RolloutError: they are not.
            UpdateError: they cannot be looked up.
        """
        ...


class Releases:
    """What people may ask for.

    Args:
        database: The store.
        clock: Cloud time.
        catalogue: Which releases there are; None: what was planned is taken to be there still.
    """

    def __init__(
        self, database: Database, clock: Clock = utc_now, catalogue: ReleaseList | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue

    def create(self, plan: Plan) -> Rollout:
        """Write a rollout down; nothing begins yet."""
        change = rules.create(f"r-{secrets.token_hex(5)}", plan, self._clock())
        with self._database.transaction() as session:
            add_rollout(session, change.rollout)
            add_events(session, change.rollout.id, plan.author.strip(), change.events, self._clock())
        return change.rollout

    def approve(self, rollout_id: str, who: str) -> Rollout:
        """Let it be started, by somebody else than its author.

        Raises:
            RolloutError: by its author, or it does not wait for that.
            NotFoundError: there is no such rollout.
        """
        return self._change(rollout_id, who, lambda rollout: rules.approve(rollout, who))

    def start(self, rollout_id: str, who: str) -> Rollout:
        """Begin.

        Raises:
            RolloutError: it is not ready, or its release is not listed any more.
            NotFoundError: there is no such rollout.
            UpdateError: the release cannot be looked up.
        """
        self._require_listed(rollout_id)
        while True:
            with self._database.session() as session:
                rank = next_rank(session)
            try:
                return self._change(rollout_id, who, partial(rules.start, rank=rank, now=self._clock()))
            except RecordRefusedError:  # another rollout was started at this moment and has that rank
                _LOG.info("another rollout came first", extra={"rollout": rollout_id})

    def pause(self, rollout_id: str, who: str, why: str) -> Rollout:
        """Assign nothing more for now.

        Raises:
            RolloutError: it does not run.
            NotFoundError: there is no such rollout.
        """
        return self._change(rollout_id, who, lambda rollout: rules.pause(rollout, why))

    def resume(self, rollout_id: str, who: str, why: str, deadline: datetime | None = None) -> Rollout:
        """Go on, knowing what has failed.

        Raises:
            RolloutError: it neither rests nor was halted, needs another deadline, or is not listed any more.
            NotFoundError: there is no such rollout.
            UpdateError: the release cannot be looked up.
        """
        self._require_listed(rollout_id)
        return self._change(
            rollout_id, who, lambda rollout: rules.resume(rollout, why, self._clock(), deadline)
        )

    def abort(self, rollout_id: str, who: str, why: str, is_returning: bool = False) -> Rollout:
        """Call it off for good, and send devices back where that is asked.

        Raises:
            RolloutError: it is over, or has nothing to go back to.
            NotFoundError: there is no such rollout.
        """
        return self._change(
            rollout_id, who, lambda rollout: rules.abort(rollout, why, self._clock(), is_returning)
        )

    def retry_failed(self, rollout_id: str, who: str, why: str) -> Rollout:
        """Give what failed another attempt.

        Raises:
            RolloutError: nothing has failed.
            NotFoundError: there is no such rollout.
        """
        return self._change(rollout_id, who, lambda rollout: rules.retry_failed(rollout, why, self._clock()))

    def _require_listed(self, rollout_id: str) -> None:
        """Refuse what devices would refuse: a release that was taken out of the repository meanwhile."""
        if self._catalogue is not None:
            with self._database.session() as session:
                plan = read_rollout(session, rollout_id).rollout.plan
            self._catalogue.require_listed(plan)

    def _change(self, rollout_id: str, who: str, change_of: Callable[[Rollout], Change]) -> Rollout:
        """Change a rollout as it is at that moment, however often the scheduler comes in between."""
        if not is_person(who):
            raise RolloutError("say who you are: a name of 1 to 80 characters")
        for attempt in range(1, ATTEMPTS + 1):
            with self._database.session() as session:
                before = read_rollout(session, rollout_id)
            change = change_of(before.rollout)
            try:
                with self._database.transaction() as session:
                    save_rollout(session, before, change.rollout)
                    add_events(session, rollout_id, who.strip(), change.events, self._clock())
            except StaleError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return change.rollout
        raise AssertionError("the last attempt returns or raises")


class Scheduler:
    """Takes the steps that follow; any number of these may run at once.

    Args:
        database: The store.
        signer: Of assignments.
        link: Where hints to devices go.
        clock: Cloud time.
        metrics: Where it counts.
    """

    def __init__(
        self,
        database: Database,
        signer: AssignmentSigner,
        link: Publisher,
        clock: Clock = utc_now,
        metrics: ReleaseMetrics | None = None,
    ) -> None:
        self._database = database
        self._signer = signer
        self._link = link
        self._clock = clock
        self._facts = FactReader()
        self._agenda = Agenda()
        self._has_renewed = False
        self.metrics = metrics or ReleaseMetrics()

    async def run(self, stop: asyncio.Event) -> None:
        """Go round until told to stop; a store that is away is waited for."""
        while not stop.is_set():
            orders: list[Order] = []
            try:
                await asyncio.to_thread(self.go_round, orders.append)
            except StoreError as error:
                self.metrics.failed_rounds.inc()
                _LOG.error("rollouts wait for the store", extra={"reason": str(error)})
            except UpdateError as error:
                self.metrics.unsigned.inc()
                _LOG.error("rollouts wait for a key", extra={"reason": str(error)})
            self._hint(orders)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ROUND_S)

    def go_round(self, told: Callable[[Order], None] = lambda _: None) -> int:
        """Take one step of every rollout that is due.

        Args:
            told: Is given each order once it is stored.

        Returns:
            How many orders were given.

        Raises:
            StoreError: the store cannot be read or written; what was done so far is stored.
            UpdateError: an assignment could not be signed.
        """
        if not self._has_renewed:
            renew_signatures(self._database, self._signer, self._clock())
            self._has_renewed = True
        with self._database.session() as session:
            listed = rollouts_in(session, [str(state) for state in LIVE])
        given = 0
        for each in self._agenda.due(listed):
            orders = self.take_step(each.id)
            given += len(orders)
            for order in orders:
                told(order)
        for kind, waited_s in self._agenda.longest_waits(self._clock()).items():
            self.metrics.longest_wait.labels(kind).set(waited_s)
        self.metrics.rounds.inc()
        return given

    def take_step(self, rollout_id: str) -> Sequence[Order]:
        """Take one step of a rollout.

        Returns:
            The orders that were stored; none where another scheduler came first.

        Raises:
            StoreError: the store cannot be read or written; nothing was done.
            UpdateError: an assignment could not be signed; nothing was done.
        """
        with self._database.session() as session:
            before = read_rollout(session, rollout_id)
            since = before.rollout.watch_since or before.rollout.created_at
            facts = self._facts.read(session, before.rollout.plan.release.family, since)
        now = self._clock()
        taken = step(before.rollout, facts, now)
        if taken.rollout == before.rollout and not taken.orders and not taken.events:
            self._agenda.note(before.rollout, before.version, is_acting=False)
            return ()
        signed = [self._sign(taken.rollout, order, now) for order in taken.orders]
        try:
            self._write(before, taken, signed, now)
        except StaleError as error:
            _LOG.info("another came first; this step was not taken", extra={"reason": str(error)})
            return ()
        self._agenda.note(taken.rollout, before.version + 1, is_acting=bool(taken.orders))
        self.metrics.assignments.inc(len(signed))
        for event in taken.events:
            if not event.device:
                _LOG.info("rollout", extra={"rollout": rollout_id, "what": event.what, "why": event.why})
        return taken.orders

    def _write(
        self, before: StoredRollout, taken: Step, signed: Sequence[AssignmentRecord], now: datetime
    ) -> None:
        with self._database.transaction() as session:
            save_rollout(session, before, taken.rollout)
            for assignment in signed:
                put_assignment(session, assignment)
            add_events(session, taken.rollout.id, SCHEDULER, taken.events, now)

    def _sign(self, rollout: Rollout, order: Order, now: datetime) -> AssignmentRecord:
        action = Action.INSTALL if order.kind is OrderKind.INSTALL else Action.CANCEL
        release = order.release
        envelope = self._signer.sign(
            Assignment(
                device=order.device,
                number=order.number,
                family=release.family,
                version=release.version,
                sha256=release.sha256,
                length=release.length,
                rollout=rollout.id,
                not_before=None,
                issued=now,
                expires=order.expires,
                action=action,
            )
        )
        return AssignmentRecord(
            device_id=order.device,
            number=order.number,
            rank=rollout.rank,
            rollout_id=rollout.id,
            version=release.version,
            action=str(action),
            issued=now,
            expires=order.expires,
            tag=tag_of(order.number, envelope),
            envelope=envelope,
        )

    def _hint(self, orders: Sequence[Order]) -> None:
        """Tell devices to look now; one that does not hear of it looks later."""
        for order in orders:
            try:
                self._link.publish(str(UpdateTopic(order.device)), str(order.number).encode())
            except LinkError as error:
                self.metrics.unsent_hints.inc()
                _LOG.info("a hint was not sent; the device asks by itself", extra={"reason": str(error)})
