"""Many agents in one process, each complete: own source, model, outbox and MQTT connection.

Rule: agents are stepped in the order of machine time and never share state, so that each one sends what it
would send alone on its own board. The plan comes in as a JSON file, progress and the closing counts go out as
JSON files, written aside and renamed.

Run as `python -m simulators.fleet PLAN.json` (the demo does).
"""

from __future__ import annotations

import heapq
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contract.broker_address import parse_broker_url
from contract.bundle import Bundle, load_bundle
from contract.errors import IndustrialGuardError
from contract.logs import configure_logging
from contract.profiles import MachineProfile
from edge_agent.agent import Agent
from edge_agent.sensors import SensorSource, open_source
from edge_agent.settings import AgentSettings, MqttSettings, UpdatePace, UpdateSettings
from models.recordings import Recording
from simulators.replay import ReplaySource, replay_recordings

log = logging.getLogger(__name__)

PROGRESS_PERIOD_S = 0.5
LEAST_SLEEP_S = 0.005
"""Shorter waits cost more than they keep pace."""
MOST_PER_S = 10_000.0
"""Messages of the backlog in a second, where machine time has no pace."""
LOOK_S = 0.6
"""Wall time for each machine over which hints are heeded: self-tests, each in a process of its own, take
about that long on a small computer, and should not all be in its memory at once."""
RECORDING_ENDED = "its recording has ended"


@dataclass(frozen=True, slots=True)
class FleetMachine:
    """One machine of the fleet."""

    device_id: str
    profile: str
    """Name of a shipped profile or path of one."""
    source: str
    """What its agent reads, as on the agent's command line: `sim:…`, or `scheme:place#machine`."""
    bundle: str = ""
    """Name or path of its bundle; empty: the shipped one of the profile."""


@dataclass(frozen=True, slots=True)
class FleetUpdates:
    """Where machines get new models from."""

    machines: tuple[str, ...]
    """Which ones; the others keep what they have."""
    root: str
    """File with the root that they are born with."""
    repository: str
    """URL of the repository's web server."""
    api: str
    """URL of the cloud, which says who is assigned what."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Everything the fleet process needs to know."""

    machines: tuple[FleetMachine, ...]
    mqtt_url: str
    state_dir: str
    speed: float
    """Machine seconds per wall second; 0: as fast as possible."""
    machine_seconds: float | None
    """Machine time to cover; None: until stopped."""
    start_s: float
    """Event time at which every machine starts, s since the Unix epoch."""
    drain_s: float
    """How long to wait at the end for the cloud's acknowledgements."""
    updates: FleetUpdates | None = None
    """None: every machine keeps its model."""

    def write(self, path: Path) -> None:
        """Store the plan for the fleet process."""
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")

    @staticmethod
    def read(path: Path) -> FleetPlan:
        """Read what `write` stored."""
        table: dict[str, Any] = json.loads(path.read_text("utf-8"))
        machines = tuple(FleetMachine(**machine) for machine in table.pop("machines"))
        updates = table.pop("updates")
        if updates is not None:
            updates = FleetUpdates(**updates | {"machines": tuple(updates["machines"])})
        return FleetPlan(machines=machines, updates=updates, **table)


class Fleet:
    """Steps every agent in machine-time order, at a pace."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._bundles: dict[str, Bundle] = {}
        self._recordings: dict[tuple[str, str], dict[str, Recording]] = {}
        self._agents = {machine.device_id: self._build_agent(machine) for machine in plan.machines}
        self._elapsed_s = 0.0
        self._ended: dict[str, str] = {}
        self._closing: list[Future[None]] = []

    def run(self, stop: threading.Event) -> None:
        """Start, step until the machine time is covered or `stop` is set, then close every agent."""
        with ThreadPoolExecutor(max_workers=len(self._agents)) as closers:
            try:
                for agent in self._agents.values():
                    agent.start()
                self._step_all(stop, closers)
            finally:
                self._close(closers, *self._agents)
        for closing in self._closing:
            closing.result()

    def progress(self) -> dict[str, Any]:
        """Counts so far: machine time, each agent's own counters, and why agents have ended."""
        return {
            "machine_seconds": round(self._elapsed_s, 3),
            "machines": {device: _count(agent) for device, agent in self._agents.items()},
            "ended": dict(self._ended),
        }

    def _build_agent(self, machine: FleetMachine) -> Agent:
        bundle = self._load_bundle(machine.bundle or machine.profile)
        source = self._open(machine, bundle.profile)
        settings = AgentSettings(
            device_id=machine.device_id,
            state_dir=Path(self._plan.state_dir) / machine.device_id,
            mqtt=MqttSettings(parse_broker_url(self._plan.mqtt_url)),
            drain_s=self._plan.drain_s,
            replay_per_s=self._replay_per_s(),
            updates=self._updates(machine.device_id),
        )
        return Agent(settings, source, bundle)

    def _updates(self, device_id: str) -> UpdateSettings | None:
        updates = self._plan.updates
        if updates is None or device_id not in updates.machines:
            return None
        root = Path(updates.root).read_bytes()
        return UpdateSettings(updates.repository, root, updates.api, pace=_pace(len(updates.machines)))

    def _replay_per_s(self) -> float:
        """As fast as on a device, in machine time."""
        speed = self._plan.speed
        return min(max(2.0 * speed, 0.01), MOST_PER_S) if speed else MOST_PER_S

    def _load_bundle(self, name: str) -> Bundle:
        if name not in self._bundles:
            self._bundles[name] = load_bundle(name)
        return self._bundles[name]

    def _open(self, machine: FleetMachine, profile: MachineProfile) -> SensorSource:
        if machine.source.startswith("sim:"):
            return open_source(f"{machine.source},start={self._plan.start_s!r}", profile)
        place, _, name = machine.source.partition("#")
        if (
            place,
            profile.name,
        ) not in self._recordings:  # a folder may hold a thousand machines: open it once
            opened = replay_recordings(place, profile)
            self._recordings[place, profile.name] = {recording.machine_id: recording for recording in opened}
        return ReplaySource(self._recordings[place, profile.name][name], self._plan.start_s)

    def _step_all(self, stop: threading.Event, closers: ThreadPoolExecutor) -> None:
        """A heap of (machine time since the agent's first reading, agent): step the one furthest behind."""
        queue = [(0.0, device) for device in self._agents]
        heapq.heapify(queue)
        origins: dict[str, float] = {}
        wall_start = time.monotonic()
        while queue and not stop.is_set():
            elapsed_s, device = heapq.heappop(queue)
            self._elapsed_s = max(self._elapsed_s, elapsed_s)
            self._keep_pace(wall_start, elapsed_s, stop)
            event_time_s = self._step(device)
            if device in self._ended:
                self._close(closers, device)
                continue
            if event_time_s is not None:
                elapsed_s = max(elapsed_s, event_time_s - origins.setdefault(device, event_time_s))
            if self._plan.machine_seconds is None or elapsed_s < self._plan.machine_seconds:
                heapq.heappush(queue, (elapsed_s, device))

    def _step(self, device: str) -> float | None:
        """One reading of one agent; what ends one agent does not end the others."""
        try:
            result = self._agents[device].step()
        except IndustrialGuardError as error:
            log.error("agent ended", extra={"device": device, "reason": str(error)})
            self._ended[device] = str(error)
            return None
        if result.is_exhausted:
            self._ended[device] = RECORDING_ENDED
        return result.event_time_s

    def _close(self, closers: ThreadPoolExecutor, *devices: str) -> None:
        """Close agents beside the stepping: each may wait for the cloud for a while."""
        self._closing += [closers.submit(self._agents[device].close) for device in devices]

    def _keep_pace(self, wall_start: float, elapsed_s: float, stop: threading.Event) -> None:
        if self._plan.speed <= 0:
            return
        ahead_s = wall_start + elapsed_s / self._plan.speed - time.monotonic()
        if ahead_s > LEAST_SLEEP_S:
            stop.wait(ahead_s)


def _pace(machines: int) -> UpdatePace:
    """How often machines look for updates, wall time: somebody watches."""
    return UpdatePace(
        poll_s=20.0,
        first_s=5.0,
        least_s=1.0,
        hint_spread_s=LOOK_S * machines,
        first_retry_s=2.0,
        last_retry_s=10.0,
    )


def _count(agent: Agent) -> dict[str, float]:
    counters = agent.counters
    return {
        "samples": counters.samples,
        "windows": counters.windows,
        "scored": counters.scored,
        "sent": sum(counters.messages.values()),
        "dropped": sum(counters.dropped.values()),
        "rejected": counters.rejected,
        "acknowledged": counters.acknowledged,
        "scoring_s": counters.scoring_s,
    }


def write_aside(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step, so that a reader never sees half of it."""
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(content), "utf-8")
    aside.replace(path)


def _report(fleet: Fleet, path: Path, done: threading.Event) -> None:
    while not done.wait(PROGRESS_PERIOD_S):
        write_aside(path, fleet.progress())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the fleet of a plan file; `progress.json` and at the end `result.json` appear beside it."""
    (plan_path,) = map(Path, sys.argv[1:] if argv is None else argv)
    configure_logging("WARNING")
    stop, done = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        fleet = Fleet(FleetPlan.read(plan_path))
    except IndustrialGuardError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    reporter = threading.Thread(
        target=_report, args=(fleet, plan_path.with_name("progress.json"), done), daemon=True
    )
    reporter.start()
    fleet.run(stop)
    done.set()
    reporter.join()
    write_aside(plan_path.with_name("progress.json"), fleet.progress())
    write_aside(plan_path.with_name("result.json"), fleet.progress())
    return 0


if __name__ == "__main__":
    sys.exit(main())
