"""A campaign as a report: the one shape of every benchmark, and a page for people.

Rule: every fault is listed, also those that the road did not notice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from industrialguard.bench.report import Metric, Report, Role, Row, Run, format_markdown
from tools.fault_campaign.campaign import Happened, Outcome, Traffic
from tools.fault_campaign.faults import FaultKind, FaultPlan, Target

MAIN = "device to row"


def build_report(plan: FaultPlan, traffic: Traffic, outcome: Outcome, started: datetime) -> Report:
    """The figures."""
    counters, stored = outcome.counters, outcome.stored
    recoveries = [each.flowed_s for each in outcome.happened if each.flowed_s is not None]
    figures = {
        "faults": len(outcome.happened),
        "sent": counters.offered,
        "accepted": outcome.accepted,
        "published": counters.sent,
        "stored": stored.stored,
        "lost": outcome.lost,
        "duplicated": stored.duplicated,
        "redelivered": stored.redelivered,
        "dead_lettered": stored.dead_lettered,
        "late": counters.late,
        "most_late_s": counters.ages.most_s,
        "ended_by_themselves": sum(outcome.ended.values()),
        "never_flowed": int(outcome.is_stuck),
    }
    metrics = {name: Metric((float(value),)) for name, value in figures.items()}
    if recoveries:
        metrics["flows_after_s"] = Metric(tuple(recoveries))
    rows = [Row(MAIN, Role.OURS, metrics, is_main=True), *_target_rows(outcome)]
    protocol = (
        f"{plan.faults} SIGKILLs, {plan.outages} of them with {plan.outage_s:g} s away, spread evenly over "
        f"broker, ingest, Kafka, sink and PostgreSQL in a seeded order; {100 * plan.early:.0f} % strike "
        "while the road still recovers from the one before.",
        f"{traffic.machines} devices send {traffic.rate:g} messages/s and keep what the cloud has not "
        f"acknowledged; {100 * traffic.disturbed:.0f} % of the publications are repeated, delayed up to 5 s "
        "or swallowed before the broker.",
        "sent: messages that became due; accepted: those that an outbox took; published: publications of "
        "these, repetitions included. Lost: accepted and not in the store's ledger. Duplicated: rows beyond "
        "one for a key. Redelivered: came again and was recognised by its key.",
        "at: since the load began; back: from the kill until every process runs; flows: until a message that "
        "became due after the fault is acknowledged as well.",
    )
    return Report("faults", "servers", protocol, (plan.seed,), tuple(rows), Run.since(started))


def with_faults(report: Report, outcome: Outcome) -> Report:
    """The same with a row for every fault, for the file."""
    rows = [_fault_row(number, each) for number, each in enumerate(outcome.happened, start=1)]
    return replace(report, rows=(*report.rows, *rows))


def _fault_row(number: int, happened: Happened) -> Row:
    fault = happened.fault
    figures = {
        "at_s": happened.at_s,
        "away_s": fault.hold_s,
        "back_after_s": happened.back_s,
        "flows_after_s": happened.flowed_s,
    }
    metrics = {name: Metric((value,)) for name, value in figures.items()}
    return Row(f"fault {number}: {fault.kind} of {fault.target}", Role.OURS, metrics)


def _target_rows(outcome: Outcome) -> list[Row]:
    rows = []
    for target in Target:
        for kind in FaultKind:
            some = [h for h in outcome.happened if (h.fault.target, h.fault.kind) == (target, kind)]
            if some:
                metrics = {
                    "faults": Metric((float(len(some)),)),
                    "flows_after_s": Metric(tuple(each.flowed_s for each in some)),
                }
                rows.append(Row(f"{kind} of {target}", Role.OURS, metrics))
    return rows


def format_page(report: Report, outcome: Outcome) -> str:
    """The page: verdict, figures, every fault."""
    verdict = "sound" if outcome.is_sound else "NOT SOUND"
    lines = [
        f"# Fault campaign: {verdict}",
        "",
        f"{len(outcome.happened)} faults in {outcome.duration_s:.0f} s. {outcome.accepted} messages were "
        f"taken by the devices' outboxes: {outcome.lost} of them are lost, "
        f"{outcome.stored.duplicated} duplicated, {outcome.stored.dead_lettered} dead letters.",
        "",
        format_markdown([report]),
        "",
        "| | at, s | target | kind | away, s | back after, s | flows after, s |",
        "|---:|---:|---|---|---:|---:|---:|",
    ]
    for number, each in enumerate(outcome.happened, start=1):
        fault, back = each.fault, "never" if each.back_s is None else f"{each.back_s:.1f}"
        flowed = "overtaken by the next" if each.flowed_s is None else f"{each.flowed_s:.1f}"
        cells = (number, f"{each.at_s:.0f}", fault.target, fault.kind, f"{fault.hold_s:g}", back, flowed)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    ended = ", ".join(f"{name} {count} times" for name, count in sorted(outcome.ended.items()))
    lines += ["", f"Ended without having been killed, and started again: {ended or 'nothing'}."]
    return "\n".join(lines) + "\n"
