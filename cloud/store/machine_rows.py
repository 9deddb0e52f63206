"""The rows of machines and boots that a batch writes to.

Rule: whoever writes of a machine holds its row's lock until the transaction ends. Rows are made before any
lock is taken, and both are done in the order of device ids, so that writers follow each other and never wait
in a circle. What stands under a lock, the machine's facts and its ledger, is read after it was taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields

from sqlalchemy import select
from sqlmodel import Session

from cloud.store.ledger import Sequences, pack_sequences, unpack_sequences
from cloud.store.machine_state import MachineFacts
from cloud.store.statements import insert_new_rows, insert_rows, is_one_of, update_rows
from cloud.store.tables import Ledger, Machine, table_of

Boot = tuple[str, int]
"""Device and boot."""
Key = tuple[str, int, int]
"""Device, boot and sequence."""
_MACHINE, _LEDGER = table_of(Machine), table_of(Ledger)
_NAMES = [field.name for field in fields(MachineFacts)]
_FACTS = [_MACHINE.c[name] for name in _NAMES]


def make_machines(session: Session, device_ids: Collection[str]) -> None:
    """Make the rows of machines that have none; to be done before any lock is taken."""
    if not device_ids:
        return
    first = Machine(device_id="")
    empty = {column.name: getattr(first, column.name) for column in _MACHINE.columns}
    insert_new_rows(session, _MACHINE, [empty | {"device_id": device} for device in sorted(device_ids)])


def lock_machines(session: Session, device_ids: Collection[str]) -> dict[str, MachineFacts]:
    """Take the locks of machines, and read what is known of them."""
    query = (
        select(*_FACTS)
        .where(is_one_of(session, _MACHINE.c.device_id, device_ids))
        .order_by(_MACHINE.c.device_id)
        .with_for_update()
    )
    return {row.device_id: MachineFacts(*row) for row in session.connection().execute(query)}


def save_machines(session: Session, machines: Iterable[MachineFacts], profiles: Mapping[str, str]) -> None:
    """Write what is known of machines, and the profiles of those that told theirs."""
    facts = [{name: getattr(machine, name) for name in _NAMES} for machine in machines]
    update_rows(session, _MACHINE, facts)
    update_rows(session, _MACHINE, [{"device_id": d, "profile": p} for d, p in sorted(profiles.items())])


class BootLedger:
    """What is stored of boots whose machines are locked.

    Args:
        session: The transaction that holds the locks.
        boots: Which.
    """

    def __init__(self, session: Session, boots: Collection[Boot]) -> None:
        self._session = session
        columns = _LEDGER.c
        query = select(columns.device_id, columns.boot_id, columns.stored).where(
            is_one_of(session, columns.device_id, {device for device, _ in boots}),
            is_one_of(session, columns.boot_id, {boot for _, boot in boots}),
        )
        self._boots = {
            (row.device_id, row.boot_id): unpack_sequences(row.stored)
            for row in session.connection().execute(query)
        }
        self._old = frozenset(self._boots)
        self._changed: set[Boot] = set()

    def take(self, key: Key) -> bool:
        """Note that a message is stored; whether it had not been.

        Raises:
            RecordRefusedError: see `Sequences.add`.
        """
        device_id, boot_id, sequence = key
        is_new = self._boots.setdefault((device_id, boot_id), Sequences()).add(sequence)
        if is_new:
            self._changed.add((device_id, boot_id))
        return is_new

    def save(self) -> None:
        """Write what was taken."""
        insert_rows(self._session, _LEDGER, [self._row(boot) for boot in sorted(self._changed - self._old)])
        update_rows(self._session, _LEDGER, [self._row(boot) for boot in sorted(self._changed & self._old)])

    def _row(self, boot: Boot) -> dict[str, object]:
        return {"device_id": boot[0], "boot_id": boot[1], "stored": pack_sequences(self._boots[boot])}
