"""What the page of figures shows, worked out beforehand.

Rule: pure; counts in, words out. Every figure says what it rests on and how it is counted, and where there is
too little to say, that is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cloud.kpis import Kpis, Rate, Share, Spread

ENOUGH, ENOUGH_FOR_SHARE = 5, 20
"""Fewer lengths of time have no mean or median; shares of fewer are shown as counts."""
NOT_ENOUGH = "not enough yet"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in words."""

    key: str
    label: str
    value: str
    basis: str
    """The counts behind it, with an interval."""
    formula: str
    source: str

    @property
    def is_known(self) -> bool:
        """Whether there is enough to say something."""
        return self.value != NOT_ENOUGH


def figures(kpis: Kpis) -> tuple[Figure, ...]:
    """All of them, in the order in which people ask."""
    return tuple(_figures(kpis))


def _figures(kpis: Kpis) -> Iterator[Figure]:
    yield Figure(
        "precision",
        "Alarms that were right",
        share_words(kpis.precision),
        _share_basis(kpis.precision, "checked cases") + _more(kpis.not_checked, "closed unchecked"),
        "right ÷ (right + false alarms), cases closed in the period that somebody checked",
        "precision, as in information retrieval",
    )
    yield Figure(
        "recall",
        "Failures that we warned of",
        share_words(kpis.recall),
        _share_basis(kpis.recall, "failures") + _more(kpis.unwatched, "on machines not watched then"),
        "failures with a case opened at most 90 days before ÷ all failures in the maintenance log",
        "ISO 14224:2016 (failure)",
    )
    yield Figure(
        "forewarning",
        "Forewarning time, median",
        middle_words(kpis.forewarning),
        _spread_basis(kpis.forewarning, "failures warned of", "came without warning"),
        "from the first such case to the failure",
        "the maintenance log",
    )
    yield Figure(
        "nuisance",
        "False alarms per machine and year",
        f"{kpis.nuisance.per_year:.2f}" if kpis.nuisance.per_year is not None else NOT_ENOUGH,
        _rate_basis(kpis.nuisance, "false alarms"),
        "cases closed as false alarm ÷ watched machine time",
        "nuisance alarms, IEC 62682 (ISA-18.2), as people judged them",
    )
    yield Figure(
        "acknowledging",
        "Time to acknowledge, median",
        middle_words(kpis.acknowledging),
        _spread_basis(kpis.acknowledging, "cases", "still wait"),
        "from the opening of a case to the first thing a person did to it",
        "IEC 62682 (ISA-18.2)",
    )
    yield Figure(
        "mtbf",
        "Mean time between failures",
        between_words(kpis.failures),
        _between_basis(kpis.failures),
        "watched time of all machines, also of those that did not fail ÷ failures",
        "EN 15341 T17, SMRP 3.5.1; watched time stands for operating time",
    )
    yield Figure(
        "mttr",
        "Mean time to repair",
        hours_words(kpis.repair.mean) if len(kpis.repair.hours) >= ENOUGH else NOT_ENOUGH,
        _spread_basis(kpis.repair, "repairs", "have no repair in the log"),
        "from a failure to its replacement or maintenance in the log ÷ failures",
        "EN 15341 T21, SMRP 3.5.2",
    )
    yield _avoided(kpis)


def _avoided(kpis: Kpis) -> Figure:
    avoided = kpis.avoided
    known = f"{avoided.confirmed} × ({hours_words(avoided.failure_h)} − {hours_words(avoided.planned_h)})"
    lacks = [
        text
        for text, is_lacking in (
            ("a finding that the alarm was right and the part replaced in time", not avoided.confirmed),
            ("failures with a repair in the log", avoided.failure_h is None),
            ("orders that were started and done for such a part", avoided.planned_h is None),
        )
        if is_lacking
    ]
    return Figure(
        "avoided",
        "Avoided downtime",
        NOT_ENOUGH if avoided.hours is None else hours_words(avoided.hours),
        f"needs {', '.join(lacks)}" if lacks else known,
        "confirmed findings × (mean time to repair after a failure − mean time of a planned repair)",
        "only parts that were replaced before they failed, by a finding that the alarm was right",
    )


def share_words(share: Share) -> str:
    """A share as people may read it.

    >>> share_words(Share(7, 9)), share_words(Share(18, 20)), share_words(Share(0, 0))
    ('7 of 9', '90 %', 'not enough yet')
    """
    if share.value is None:
        return NOT_ENOUGH
    return f"{share.hits} of {share.of}" if share.of < ENOUGH_FOR_SHARE else f"{100 * share.value:.0f} %"


def interval_words(share: Share) -> str:
    """Where the truth lies.

    >>> interval_words(Share(18, 20))
    '70–97 %'
    """
    if share.interval is None:
        return "–"
    low, high = share.interval
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def hours_words(hours: float | None) -> str:
    """A length of time with two digits or so.

    >>> hours_words(0.25), hours_words(7.5), hours_words(300.0), hours_words(None)
    ('15 min', '7.5 h', '12 days', '–')
    """
    if hours is None:
        return "–"
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:,.0f} days"


def middle_words(spread: Spread) -> str:
    """The median, where there are enough."""
    if spread.quartiles is None or len(spread.hours) < ENOUGH:
        return NOT_ENOUGH
    return hours_words(spread.quartiles[1])


def between_words(rate: Rate) -> str:
    """The mean time between failures, where there are enough."""
    return hours_words(rate.between_h) if rate.events >= ENOUGH else NOT_ENOUGH


def _more(n: int, what: str) -> str:
    return f"; {n} more {what}" if n else ""


def _share_basis(share: Share, what: str) -> str:
    if not share.of:
        return f"no {what}"
    return f"{share.hits} of {share.of} {what}; likely {interval_words(share)}"


def _spread_basis(spread: Spread, what: str, missing: str) -> str:
    said = f"{len(spread.hours)} {what}"
    if spread.quartiles is not None:
        said += f"; half of them {hours_words(spread.quartiles[0])} to {hours_words(spread.quartiles[2])}"
    return f"{said}; {spread.missing} {missing}" if spread.missing else said


def _rate_basis(rate: Rate, what: str) -> str:
    return f"{rate.events} {what} in {_machine_years(rate)}"


def _between_basis(rate: Rate) -> str:
    said = _rate_basis(rate, "failures")
    if not rate.events or not rate.hours:
        return said
    low, high = (rate.hours / bound if bound else None for bound in reversed(rate.bounds))
    return f"{said}; likely {hours_words(low)} to {hours_words(high)}"


def _machine_years(rate: Rate) -> str:
    return (
        f"{rate.hours / 8766:.1f} machine years"
        if rate.hours >= 8766
        else f"{rate.hours / 24:.1f} machine days"
    )
