"""Cases to order something for, and a maintenance system that lives in the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cloud.eam.contract import Capabilities, Placement
from cloud.errors import EamError
from cloud.store.writer import StoreWriter
from cloud.work_orders import OrderState, Said
from tests.cloud.samples import alarm, arrive

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def open_cases(writer: StoreWriter, count: int = 1) -> None:
    """Open cases 1..count, each of a machine of its own."""
    writer.write(arrive(*(alarm(1, 7, device=f"press-{n}") for n in range(1, count + 1))))


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def advance(self, span: timedelta) -> None:
        """Go on."""
        self.now += span


@dataclass
class FakeEam:
    """A maintenance system without a key of its own, which fails when it is told to.

    It is no stand-in for a real one: `tests.cloud.eam.test_contract` has those. It fails at moments that a
    real one cannot be told to fail at.
    """

    clock: Callable[[], datetime]
    can: Capabilities = Capabilities(is_keyed=False)  # noqa: RUF009 - frozen
    records: list[Said] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    fails_before: EamError | None = None
    """Raised before anything is done."""
    fails_after: EamError | None = None
    """Raised by `upsert` after it was done."""

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return self.can

    def upsert(self, order: Placement) -> Said:
        """See `Eam`."""
        self._ask(f"upsert {order.key}")
        url = f"https://eam.example/{len(self.records)}"
        said = Said(order.key, f"WO-{len(self.records) + 1}", OrderState.PLACED, self.clock(), url)
        self.records.append(said)
        if self.fails_after is not None:
            raise self.fails_after
        return said

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`."""
        self._ask(f"find {key}")
        return [each for each in self.records if each.key == key]

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """See `Eam`."""
        self._ask("changes")
        return [each for each in self.records if time is None or each.said_at >= time]

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        self._ask(f"close {eam_id}")
        self.tell(eam_id, OrderState.DONE)

    def tell(self, eam_id: str, state: OrderState) -> None:
        """Somebody there sets a status."""
        self.records = [
            replace(each, state=state, said_at=self.clock()) if each.eam_id == eam_id else each
            for each in self.records
        ]

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails_before is not None:
            raise self.fails_before
