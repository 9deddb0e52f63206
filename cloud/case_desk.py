"""What people do to cases, over the store.

Rule: each act is one transaction with its entry in the audit trail, made only on the case as it was read.
Where nobody said which version they saw, it is read again and done then; where they said so, and another one
came first, nothing happens. A finding reaches the maintenance log with the case that it closes, and
leaves it when it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cloud.cases import Case, Change
from cloud.errors import StaleError
from cloud.findings import log_of
from cloud.machine_events import MachineEvent
from cloud.store.cases import StoredCase, read_case, save_case
from cloud.store.database import Database
from cloud.store.machine_events import store_events, withdraw_events
from cloud.store.queries import Session

ATTEMPTS = 10
"""At an act that others come before."""
Act = Callable[[Case, datetime], Change]
"""What is done to a case, at a time."""


def utc_now() -> datetime:
    """Cloud time."""
    return datetime.now(UTC)


class CaseDesk:
    """Where cases are worked on.

    Args:
        database: The store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    def act(self, case_id: int, act: Act, seen: int | None = None) -> StoredCase:
        """Do something to a case.

        Args:
            case_id: Which.
            act: What.
            seen: The version that whoever does it has looked at; None: any.

        Raises:
            NotFoundError: there is no such case.
            StaleError: it has changed since it was looked at.
            CaseError: it cannot be done as the case stands.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return self._act_once(case_id, act, seen)
            except StaleError:
                if seen is not None:
                    raise
        return self._act_once(case_id, act, seen)

    def _act_once(self, case_id: int, act: Act, seen: int | None) -> StoredCase:
        now = self._clock()
        with self._database.transaction() as session:
            before = read_case(session, case_id)
            if seen not in (None, before.version):
                raise StaleError(f"case {case_id} has changed since you looked; look at it again")
            change = act(before.case, now)
            save_case(session, before, change, now)
            self._keep_log(session, before.case, change.case, now)
            return read_case(session, case_id)

    def _keep_log(self, session: Session, before: Case, after: Case, now: datetime) -> None:
        """The maintenance log says what findings say, and no more what they said before."""
        if after.finding == before.finding:
            return
        if gone := _log(before):
            withdraw_events(session, gone, now)
        if events := _log(after):
            store_events(session, events, now)


def _log(case: Case) -> list[MachineEvent]:
    return [] if case.finding is None else list(log_of(case.finding, case.device_id, f"case {case.id}"))
