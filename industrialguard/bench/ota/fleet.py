"""A simulated fleet of devices until it converges: `--modes fleet`.

Rule: what counts as wrong is found by auditors over the world's own ledger, and a single finding fails the
run. One report for each scenario; its figures are over the seeds.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from industrialguard.bench.ota.plan import VIOLATIONS, Plan
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from simulators.ota.cast import HOUR_S
from simulators.ota.cast import USUAL as _HARD
from simulators.ota.device import POLL_S
from simulators.ota.scenarios import PATIENCE_S, SCENARIOS, Result, Scenario, Size, canary_share, play
from simulators.ota.slots import PROBATION_S, SHADOW_S
from simulators.ota.world import HINTS, ROUND_S

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_ROOM_BYTES = 1_000_000
"""That a device may need."""
_SHOWN = 10

PROTOCOL = (
    "Real: the agent's updater and slot store, the client with its trust on disk, the repository and its "
    "keys, message codec, store (SQLite), rollouts, scheduler and the API's answer. Simulated: time, links, "
    "disks, clocks, and what a model does on a machine; no window is scored.",
    f"Each request fails or breaks off at a random byte with {_HARD.loss:.0%}; {_HARD.slow:.0%} of the links "
    f"carry 2 kB/s; {1 - HINTS:.0%} of the hints are lost. {_HARD.offline:.0%} of the devices are away for "
    f"{_HARD.offline_days[0]:.0f} to {_HARD.offline_days[1]:.0f} days, {_HARD.gone:.0%} for ever; "
    f"{_HARD.no_clock + _HARD.wrong_clock:.0%} have no clock that they believe, one lies.",
    "The power goes at a random call to the disk, or within a download, up to "
    f"{_HARD.cuts_per_day:g} times a day; what was not synced is lost, whole or in part.",
    f"A device polls every {POLL_S / HOUR_S:.0f} h, and a trial takes {(SHADOW_S + PROBATION_S) / 60:.0f} "
    f"min; the scheduler goes round every {ROUND_S / 60:.0f} min. Looks at which nothing can have changed "
    "are left out and counted as idle.",
    "Groups: a canary that is watched for a day, a quarter, the rest. A person looks four times a day: "
    "what has halted is called off and sent back, what failed on a device is tried again.",
    f"{VIOLATIONS}: bytes that ran unsigned, untested or without a shadow run; devices reachable for the "
    f"last {PATIENCE_S / HOUR_S:.0f} h that run another version; a bad release beyond its canary; numbers "
    "that fall; assignments made twice; messages lost or stored twice; rollouts that end otherwise than "
    "they must.",
    "to_50_pct_h, to_90_pct_h, to_all_h: virtual hours from the start of the first rollout until so many of "
    "the reachable devices run what they must; those that were away are among them. The seed fixes fleet and "
    "fates; keys and ids are drawn anew.",
)


def measure(plan: Plan, folder: Path) -> Iterator[Report]:
    """Play each scenario with each seed.

    Raises:
        IndustrialGuardError: a world could not be built.
    """
    for name in plan.scenarios or SCENARIOS:
        started = datetime.now(UTC)
        results = [_play(name, Size(plan.fleet, seed), folder) for seed in _seeds(plan)]
        yield report(name, plan, results, started)


def report(name: str, plan: Plan, results: list[Result], started: datetime) -> Report:
    """What a scenario came to."""
    scenario = SCENARIOS[name]
    figures = {
        figure: Metric(tuple(result.figures[figure] for result in results)) for figure in results[0].figures
    }
    row = Row(f"fleet of {plan.fleet}", Role.OURS, figures, is_main=True)
    protocol = (_sentence(scenario, plan), *PROTOCOL)
    return Report("ota", f"fleet/{name}", protocol, _seeds(plan), (row,), Run.since(started))


def _seeds(plan: Plan) -> tuple[int, ...]:
    return tuple(range(1, plan.seeds + 1))


def _sentence(scenario: Scenario, plan: Plan) -> str:
    share = canary_share(plan.fleet)
    return f"{scenario.summary.capitalize()}: {scenario.days:.0f} virtual days, canary {share:.0%}."


def _play(name: str, size: Size, folder: Path) -> Result:
    print(f"fleet/{name}, seed {size.seed} ...", file=sys.stderr, flush=True)
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES * size.n_devices
    logging.disable(logging.ERROR)  # a thousand devices have a lot to complain of
    try:
        with tempfile.TemporaryDirectory(prefix="fleet-", dir=_MEMORY if has_room else folder) as place:
            result = play(SCENARIOS[name], size, Path(place))
    finally:
        logging.disable(logging.NOTSET)
    for finding in result.findings[:_SHOWN]:
        print(f"  wrong: {finding}", file=sys.stderr)
    return result
