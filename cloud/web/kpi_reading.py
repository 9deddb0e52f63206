"""Reads from the store what the page of figures shows, and its CSV.

Rule: as in `cloud.web.reading`. Machines on sites that a person does not belong to count in no figure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud.kpis import Facts, Kpis, Period, count
from cloud.store.assets import Sites
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.kpi_facts import Belongs, read_belongings, read_facts
from cloud.web.kpi_views import Figure, between_words, figures, interval_words, middle_words, share_words

DAYS = (30, 90, 365)
MONTHS = 12
HEAD = ("", "Right", "likely", "Warned of", "likely", "Forewarning", "False alarms", "Failures", "MTBF")


@dataclass(frozen=True, slots=True)
class KpiChoice:
    """Of what the figures are wanted; empty means all."""

    days: int = 90
    site: str = ""
    machine_type: str = ""


@dataclass(frozen=True, slots=True)
class KpiPage:
    """The figures, and the same by month, site and machine type."""

    choice: KpiChoice
    period: Period
    kpis: Kpis
    figures: tuple[Figure, ...]
    tables: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    """Title and rows, cells as `HEAD` names them."""
    sites: tuple[str, ...]
    machine_types: tuple[str, ...]
    machines: int
    open_count: int
    """Cases that nobody has seen yet."""


class KpiReader:
    """Reads figures.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def kpis(self, choice: KpiChoice, sites: Sites) -> KpiPage:
        """Figures of the last days, of the machines that were chosen."""
        end = self._clock()
        period = Period(end - timedelta(days=choice.days), end)
        months = _months(period.end)
        with self._database.session() as session:
            known = read_belongings(session, sites)
            facts = read_facts(session, Period(min(period.start, months[-1].start), end))
            open_count = count_unseen(session)
        wanted = {device for device, where in known.items() if _is_wanted(where, choice)}
        own = facts.of(wanted)
        kpis = count(own, period)
        return KpiPage(
            choice=choice,
            period=period,
            kpis=kpis,
            figures=figures(kpis),
            tables=(
                ("By month", _month_rows(own, months)),
                ("By site", _rows(own, period, {d: known[d].site or "no site" for d in wanted})),
                ("By machine type", _rows(own, period, {d: known[d].machine_type or "–" for d in wanted})),
            ),
            sites=tuple(sorted({where.site for where in known.values()} - {""})),
            machine_types=tuple(sorted({where.machine_type for where in known.values()} - {""})),
            machines=len(wanted),
            open_count=open_count,
        )


def kpi_csv(page: KpiPage) -> str:
    """The page as CSV: one line a figure, then one a month, site and machine type."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("figure", "value", "basis", "formula", "source"))
    writer.writerows((f.label, f.value, f.basis, f.formula, f.source) for f in page.figures)
    for title, rows in page.tables:
        writer.writerow(())
        writer.writerow((title, *HEAD[1:]))
        writer.writerows(tuple(_plain(cell) for cell in row) for row in rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _is_wanted(where: Belongs, choice: KpiChoice) -> bool:
    return choice.site in ("", where.site) and choice.machine_type in ("", where.machine_type)


def _months(now: datetime) -> list[Period]:
    """This month and those before it, the newest first."""
    end, found = now, []
    for _ in range(MONTHS):
        last = end - timedelta(microseconds=1)
        start = datetime(last.year, last.month, 1, tzinfo=UTC)
        found.append(Period(start, end))
        end = start
    return found


def _month_rows(facts: Facts, months: Sequence[Period]) -> tuple[tuple[str, ...], ...]:
    """Back to the first month in which anything was watched."""
    first = min((each.since for each in facts.watches), default=None)
    watched = [month for month in months if first is not None and month.end > first]
    return tuple(_row(f"{month.start:%b %Y}", count(facts, month)) for month in watched)


def _rows(facts: Facts, period: Period, groups: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    by_group: dict[str, list[str]] = {}
    for device, group in groups.items():
        by_group.setdefault(group, []).append(device)
    return tuple(_row(group, count(facts.of(by_group[group]), period)) for group in sorted(by_group))


def _row(name: str, kpis: Kpis) -> tuple[str, ...]:
    return (
        name,
        share_words(kpis.precision),
        interval_words(kpis.precision),
        share_words(kpis.recall),
        interval_words(kpis.recall),
        middle_words(kpis.forewarning),
        str(kpis.nuisance.events),
        str(kpis.failures.events),
        between_words(kpis.failures),
    )
