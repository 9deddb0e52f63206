"""What is said of how the plant years were lived, in sentences.

Rule: whatever was shortened, left out or judged is said here, with the figures, always.
"""

from __future__ import annotations

from simulators.year.settings import Family, Settings

TRUTH = (
    "Hidden truth first: part number n in a place has the same life, wear and way to show it under every "
    "policy, drawn from the seed; so are upsets, sensor faults, duties and seasons. Some failures are sudden "
    "(sudden_failures): no sensor could announce them, but replacement by age prevents some."
)
OURS = (
    "Ours is end to end: simulated sensors, the agent's own parts with the shipped int8 model, encoded "
    "messages, "
    "the real store (SQLite), alerts, cases, triage, orders and findings. An engineer reads the inbox in the "
    "morning of working days and approves; a technician inspects, misses and errs as the configuration says. "
    "No forecast of remaining life is used, because none is trained for these pumps: triage goes by the "
    "alarm, "
    "the date of a repair by the technician's reading."
)
MEASURES = (
    "downtime_h: unplanned, from failure to repair. life_used_pct: hours that the parts taken out had "
    "worked, of "
    "those that they could have. false_orders: an alarm sent somebody, and nothing was worn, no sensor "
    "faulty."
)
INTERVALS = (
    "Against time-based: change of the mean over plants, each on the same seed; intervals are a paired "
    "bootstrap "
    "over plants, 95 %. They know nothing of how far a simulation is from a plant."
)


def protocol_of(settings: Settings, family: Family, name: str) -> tuple[str, ...]:
    """Sentences for a report."""
    year, tuned, hours = settings.year, settings.tuned, settings.year.hours_per_window
    return (
        f"{len(family.seeds)} simulated plants ({name}: seeds and ranges of costs, lives, P-F intervals, "
        f"lead "
        f"times, upsets and sudden failures) of {year.machines} pumps with {len(settings.components)} "
        f"components "
        f"each, for {year.days} days; figures are of a plant and year, money in euros.",
        TRUTH,
        f"The clock is shortened: one window of 5 s stands for {hours:g} h, in the sensors as in the "
        f"device's "
        f"alarm rule (4 of 6 windows are {4 * hours:g} of {6 * hours:g} h). So a device draws far fewer "
        f"windows "
        "than a real one and far fewer false alarms of mere noise; upsets that pass are put in instead. The "
        "store's reopen window of 10 minutes stays as it is.",
        OURS,
        "Time-based: age replacement at the optimum for the true lives and the plant's own costs, times "
        f"{tuned.interval_factor:g} (tuned), by load counters, in the nearest planned stop.",
        f"Threshold-based: {tuned.velocity_mms:g} mm/s or {tuned.temperature_c:g} °C (tuned) with the "
        f"same 4 of 6, "
        "the same inspection and the same repair as ours.",
        f"Each policy begins in the state that it leads to: {year.burn_in_days / 365:.0f} years before "
        f"the year "
        "are lived under replacement by age for time-based, under run to failure for the others, and not "
        "counted.",
        MEASURES,
        INTERVALS,
    )
