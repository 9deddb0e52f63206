"""Fills a machine's rows from the store: after a start, and where late summaries changed what was closed.

Rule: what is read is enough for every row that a model reads, and no more: the first rows of each running
life, and the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session

from cloud.life_plan import LifePlan
from cloud.lives import LifeBuilder, first_rows
from cloud.store.observations import BEFORE_ALL, read_observed, read_times
from contract.checks import LATEST
from contract.forecast import InputSpec


def fill_rows(
    session: Session, builder: LifeBuilder, device: str, starts: Sequence[datetime], inputs: InputSpec
) -> None:
    """Read a machine's rows into a new builder.

    Args:
        session: For reading.
        builder: Empty.
        device: Whose.
        starts: Of its running lives, as far as its log tells them; the first row counts always.
        inputs: What a model reads.
    """
    plan = builder.plan
    oldest = _walk(plan, read_times(session, device, is_newest_first=True), inputs.n_rows)
    if oldest is None:
        return
    first_steps = [BEFORE_ALL, *(plan.start_of(plan.step_of(start) + 1) for start in starts)]
    n_first = first_rows(inputs)
    heads = [(after, _walk(plan, read_times(session, device, after), n_first)) for after in first_steps]
    spans = [(after, plan.start_of(step + 1)) for after, step in heads if step is not None]
    for after, until in _merged([*spans, (plan.start_of(oldest), LATEST)]):
        for observed in read_observed(session, device, after, until):
            builder.add(observed)


def restore_rows(session: Session, builder: LifeBuilder, device: str) -> None:
    """Bring stale steps up to date; the store must hold what was late, or the next call does it.

    One that the store had before it came is a repetition: that it is stored does not say that the store has
    come as far as the stream, and its row has it already.
    """
    for step in sorted(builder.stale):
        after, until = builder.plan.start_of(step), builder.plan.start_of(step + 1)
        history = list(read_observed(session, device, after, until))
        stored = {observed.key: observed.ingest_time for observed in history}
        late = builder.late_arrivals(step)
        if any(key in stored and stored[key] >= came for key, came in late.items()):
            builder.restore(step, history)
        else:
            builder.drop_repeated(step, late.keys() & stored.keys())


def _walk(plan: LifePlan, times: Iterable[tuple[datetime, datetime]], n_steps: int) -> int | None:
    """The last of the first so many steps in which a machine sent something; None if it never did."""
    step, left = None, n_steps
    for event_time, ingest_time in times:
        if plan.is_clock_right(event_time, ingest_time) and plan.step_of(event_time) != step:
            if left == 0:
                break
            step, left = plan.step_of(event_time), left - 1
    return step


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for after, until in sorted(spans):
        if merged and after <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], until)
        else:
            merged.append((after, until))
    return merged
