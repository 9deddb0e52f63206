"""What a run of the demo amounted to.

Rule: sent is counted by the agents, stored by the store, each from its own books; neither copies the other's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cloud.alerts import AlertKind
from cloud.settings import CloudSettings
from cloud.store import queries
from cloud.store.database import open_database
from cloud.store.rows import AlertRow
from contract.errors import DataError
from simulators.demo_options import DemoOptions
from simulators.demo_plan import DemoMachine
from simulators.release_plan import ReleasePlan
from simulators.release_report import ReleaseReport, build_release_report, describe_release

MAX_ALERTS = 10_000
EXIT_OK, EXIT_LOSS, EXIT_SPREAD = 0, 1, 3
"""All is well; a message is lost or there twice; a spoiled release went further than it may."""


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages from the agents' books and from the store's."""

    sent: int
    """Put into an outbox by an agent, Birth and Death aside."""
    stored: int
    """Rows in the store."""
    duplicated: int
    """Rows minus distinct (device, boot, sequence)."""
    dead_lettered: int
    redelivered: int
    """Arrived again on the wire and recognised: the price of at-least-once."""
    dropped: int
    """Given up by a full outbox."""
    waiting: int
    """Still in an outbox at the end."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The whole run."""

    machines: int
    seed: int
    speed: float
    machine_seconds: float
    samples: int
    windows: int
    scored: int
    window_cost_us: float
    """The agents' mean cost from samples to decision, per window, in µs."""
    messages: MessageCounts
    alerts: Mapping[str, list[dict[str, Any]]]
    """By machine."""
    degrading: list[str]
    """Machines that wore out, or were recorded until they failed."""
    healthy: list[str]
    """Simulated machines without wear; nothing is claimed of recordings that do not say."""
    peak_rss_bytes: int
    """Of all processes together."""
    restarts: Mapping[str, int]
    """How often each part had to be started again."""
    is_interrupted: bool = False
    """Somebody pressed Ctrl-C, and the agents had little time to hand over what they had."""
    release: ReleaseReport | None = None
    """None: the run showed none."""

    @property
    def exit_code(self) -> int:
        """0 when every message sent is stored exactly once, or, after Ctrl-C, still waits in its outbox.

        And when a spoiled release went no further than it may.
        """
        counts = self.messages
        late = counts.waiting if self.is_interrupted else 0
        is_whole = counts.stored <= counts.sent <= counts.stored + late
        is_clean = not (counts.duplicated or counts.dead_lettered)
        if not (is_whole and is_clean):
            return EXIT_LOSS
        return EXIT_OK if self.release is None or self.release.is_contained else EXIT_SPREAD


def build_report(
    options: DemoOptions,
    machines: tuple[DemoMachine, ...],
    folder: Path,
    usage: tuple[int, dict[str, int]],
    *,
    is_interrupted: bool = False,
    plan: ReleasePlan | None = None,
) -> DemoReport:
    """Collect the counts once everything has stopped.

    Args:
        options: The run's options.
        machines: The run's machines.
        folder: Where the agents' and the cloud's files are.
        usage: Peak memory in bytes, restarts by part.
        is_interrupted: Whether somebody pressed Ctrl-C.
        plan: The run's release; None: it had none.

    Raises:
        DataError: the fleet left no counts.
    """
    fleet = _fleet_counts(folder)
    counters = list(fleet["machines"].values())
    windows = sum(c["windows"] for c in counters)
    database = open_database(CloudSettings(folder / "cloud").store_url)
    with database.session() as session:
        stored = queries.message_counts(session).total
        alerts = queries.list_alerts(session, limit=MAX_ALERTS, kind=AlertKind.ANOMALY)
    release = None if plan is None else build_release_report(database, folder, plan)
    database.close()
    return DemoReport(
        machines=len(machines),
        seed=options.seed,
        speed=options.speed,
        machine_seconds=fleet["machine_seconds"],
        samples=sum(c["samples"] for c in counters),
        windows=windows,
        scored=sum(c["scored"] for c in counters),
        window_cost_us=round(1e6 * sum(c["scoring_s"] for c in counters) / max(windows, 1), 1),
        messages=MessageCounts(
            sent=sum(c["sent"] for c in counters),
            stored=stored.stored,
            duplicated=stored.duplicated,
            dead_lettered=stored.dead_lettered,
            redelivered=stored.redelivered,
            dropped=sum(c["dropped"] for c in counters),
            waiting=sum(c["sent"] - c["dropped"] - c["acknowledged"] - c["rejected"] for c in counters),
        ),
        alerts=_by_machine(alerts),
        degrading=sorted(m.device_id for m in machines if m.is_degrading),
        healthy=sorted(m.device_id for m in machines if m.is_degrading is False),
        peak_rss_bytes=usage[0],
        restarts=usage[1],
        is_interrupted=is_interrupted,
        release=release,
    )


def write_report(report: DemoReport, json_path: Path | None) -> None:
    """Print the summary for people and, when asked, write it for scripts."""
    print(format_report(report))
    if json_path is not None:
        json_path.write_text(json.dumps(asdict(report), indent=2) + "\n", "utf-8")


def _fleet_counts(folder: Path) -> dict[str, Any]:
    for name in ("result.json", "progress.json"):
        if (folder / name).exists():
            counts: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
            return counts
    raise DataError(f"the fleet left no counts in {folder}; see {folder / 'logs' / 'fleet.log'}")


def _by_machine(alerts: list[AlertRow]) -> dict[str, list[dict[str, Any]]]:
    table: dict[str, list[dict[str, Any]]] = {}
    for alert in sorted(alerts, key=lambda a: (a.device_id, a.opened_at)):
        table.setdefault(alert.device_id, []).append(
            {
                "status": str(alert.status),
                "title": alert.title,
                "opened_at": alert.opened_at.isoformat(),
                "cleared_at": alert.cleared_at.isoformat() if alert.cleared_at else None,
                "score": round(alert.score, 4),
                "occurrences": alert.occurrences,
            }
        )
    return table


def format_report(report: DemoReport) -> str:
    """The summary for people, a line each."""
    counts = report.messages
    unexpected = sorted(set(report.alerts) & set(report.healthy))
    rows = {
        "machine time": f"{report.machine_seconds:.0f} s on {report.machines} machines",
        "samples → windows → scored": f"{report.samples:,} → {report.windows:,} → {report.scored:,}",
        "cost of a window": f"{report.window_cost_us:.0f} µs on the device's thread",
        "messages": f"{counts.sent:,} sent, {counts.stored:,} stored, {counts.duplicated} duplicated, "
        f"{counts.dead_lettered} dead letters",
        "on the wire": f"{counts.redelivered} redelivered, {counts.dropped} dropped, "
        f"{counts.waiting} still waiting",
        "degrading machines": ", ".join(report.degrading) or "none",
        "machines with alerts": ", ".join(report.alerts) or "none",
        "alerts on healthy machines": ", ".join(unexpected) or "none",
        "peak memory": f"{report.peak_rss_bytes / 1e6:.0f} MB in all processes",
        "restarts": ", ".join(f"{name} {n}" for name, n in report.restarts.items()) or "none",
    }
    if report.release is not None:
        rows |= describe_release(report.release)
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
