"""`industrialguard demo`: the whole road on one machine, on embedded defaults.

Rule: the parts are the real ones, each in a process of its own, started in the order in which they need each
other and stopped so that nothing is lost; the figures at the end are read from the store and the agents.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.errors import ConfigError
from simulators.broker import broker_command
from simulators.demo_door import VISITOR, open_door
from simulators.demo_options import RELEASE_PARTS, DemoOptions, parse_options
from simulators.demo_plan import DemoMachine, plan_machines
from simulators.demo_release import ReleaseShow
from simulators.demo_report import DemoReport, build_report, write_report
from simulators.fleet import FleetMachine, FleetPlan, FleetUpdates
from simulators.ports import HOST, HeldPort, hold, hold_first
from simulators.processes import (
    PartError,
    PartSpec,
    Supervisor,
    last_lines,
    module_command,
    raise_interrupt_on_sigterm,
)
from simulators.publisher import Shelf
from simulators.release_plan import ReleasePlan, plan_release
from simulators.terminal import Progress, Terminal, format_duration

FIRST_HTTP_PORT = 8080
READY_TIMEOUT_S = 60.0
READY = '"message": "ready"'
"""In the log of a part that works."""
REFRESH_S = 0.5
MEMORY_PERIOD_S = 1.0
DRAIN_S = 45.0
"""How long agents wait at the end of a timed run for the cloud to take over everything."""
INTERRUPT_DRAIN_S = 8.0
"""The same when a person is waiting for the prompt."""
BACKDATED_S = 86_400.0
"""Machine time outruns the wall; an open-ended demo starts yesterday, so as not to reach the future."""


class Demo:
    """One run of the demo; the parts live in `folder`."""

    def __init__(
        self,
        options: DemoOptions,
        machines: tuple[DemoMachine, ...],
        folder: Path,
        release: ReleasePlan | None = None,
    ) -> None:
        self._options = options
        self._machines = machines
        self._folder = folder
        self._release = release
        self._shelf = Shelf(folder / "release")
        self._mqtt_port, self._web_port = HeldPort(), HeldPort()
        self._door = open_door(folder / "cloud")
        self._http_port = hold(options.http_port) if options.http_port else hold_first(FIRST_HTTP_PORT)
        self._kills = sorted(options.kills, key=lambda kill: kill.at_s)
        self._started = time.monotonic()
        self._said: set[int] = set()
        self._ended: set[str] = set()
        self._open_alerts = 0
        self._memory_at = 0.0
        self._memory_bytes = 0

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self._http_port.number}/"

    def run(self) -> DemoReport:
        """Start everything, watch it, stop it, and count."""
        with Supervisor() as parts, Terminal() as terminal:
            began = time.monotonic()
            self._start_web(parts)
            self._start_cloud(parts)
            self._start_fleet(parts)
            terminal.say(f"{len(self._machines)} machines, up in {time.monotonic() - began:.1f} s.")
            terminal.say(f"The page: {self.address}{self._door.path}", style="bold")
            again = f"industrialguard cloud people enter {VISITOR} --data {self._folder / 'cloud'}"
            terminal.say(f"That link works once, within a quarter of an hour; another: {again}")
            interrupted = self._watch(parts, terminal)
            self._stop(parts, terminal, interrupted)
            usage = parts.peak_rss_bytes, parts.restarts()
        return build_report(
            self._options,
            self._machines,
            self._folder,
            usage,
            is_interrupted=interrupted,
            plan=self._release,
        )

    # -- starting --------------------

    def _start_web(self, parts: Supervisor) -> None:
        """Sign and publish beside all else that starts; machines are born with the repository's root."""
        if self._release is None:
            return
        how = [] if self._release.spoil is None else [str(self._release.spoil)]
        arguments = [str(self._shelf.folder), str(self._web_port.number), self._release.family, *how]
        command = module_command(sys.executable, "simulators.publisher", arguments)
        parts.start(self._part("web", command, lambda: self._web_port.answers))

    def _start_releases(self, parts: Supervisor) -> None:
        """Start the scheduler; nobody waits for it."""
        director = ["--director-key", self._shelf.director_key]
        releases = _industrialguard(["cloud", "releases", *self._common, *director])
        parts.start(self._part("releases", releases, lambda: _has_logged(self._log("releases"), READY)))

    def _start_cloud(self, parts: Supervisor) -> None:
        broker = broker_command(self._mqtt_port.number, self._folder, self._options.broker)
        parts.start(self._part("broker", broker, self._is_broker_up))
        parts.wait_ready("broker", READY_TIMEOUT_S)
        ingest = _industrialguard(["cloud", "ingest", *self._common])
        parts.start(self._part("ingest", ingest, lambda: _has_logged(self._log("ingest"), READY)))
        if self._release is not None:
            parts.wait_ready("web", READY_TIMEOUT_S)
            self._start_releases(parts)
        self._start_page(parts)
        parts.wait_ready("ingest", READY_TIMEOUT_S)

    def _start_page(self, parts: Supervisor) -> None:
        root = ["--repository", self._web_address, "--repository-root", str(self._shelf.root)]
        catalogue = root if self._release is not None else []
        address = f"{HOST}:{self._http_port.number}"
        serve = _industrialguard(["cloud", "serve", *self._common, *catalogue, "--http", address])
        parts.start(self._part("serve", serve, self._is_page_up))
        parts.wait_ready("serve", READY_TIMEOUT_S)

    def _start_fleet(self, parts: Supervisor) -> None:
        plan = FleetPlan(
            machines=tuple(FleetMachine(m.device_id, m.profile, m.source, m.bundle) for m in self._machines),
            mqtt_url=self._mqtt_url,
            state_dir=str(self._folder / "devices"),
            speed=self._options.speed,
            machine_seconds=self._options.machine_seconds,
            start_s=time.time() - (self._options.machine_seconds or BACKDATED_S),
            drain_s=DRAIN_S if self._options.seconds is not None else INTERRUPT_DRAIN_S,
            updates=self._updates(),
        )
        path = self._folder / "plan.json"
        plan.write(path)
        command = module_command(sys.executable, "simulators.fleet", [str(path)])
        progress = self._folder / "progress.json"
        parts.start(self._part("fleet", command, progress.exists, restarts=False))
        parts.wait_ready("fleet", READY_TIMEOUT_S)

    def _updates(self) -> FleetUpdates | None:
        if self._release is None:
            return None
        root = str(self._shelf.root)
        return FleetUpdates(self._release.machines, root, self._web_address, self.address)

    def _part(self, name: str, command: Sequence[str], is_ready: Any, *, restarts: bool = True) -> PartSpec:
        return PartSpec(name, tuple(command), self._log(name), is_ready, restarts)

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    @property
    def _common(self) -> tuple[str, ...]:
        """What every part of the cloud is told."""
        return "--data", str(self._folder / "cloud"), "--mqtt", self._mqtt_url

    @property
    def _web_address(self) -> str:
        """Of the repository of releases."""
        return f"http://{HOST}:{self._web_port.number}/"

    @property
    def _mqtt_url(self) -> str:
        return f"mqtt://{HOST}:{self._mqtt_port.number}"

    def _is_broker_up(self) -> bool:
        return self._mqtt_port.answers

    def _is_page_up(self) -> bool:
        """Whether our own server answers, and not another one at its port."""
        is_ours = _has_logged(self._log("serve"), f'"address": "{self.address.rstrip("/")}"')
        return is_ours and self._ask("readyz") is not None

    # -- watching --------------------

    def _watch(self, parts: Supervisor, terminal: Terminal) -> bool:
        """Until the fleet has covered its time (False) or a person stops it (True)."""
        self._started = time.monotonic()
        show = self._show(terminal)
        try:
            while parts.is_running("fleet"):
                self._kill_when_due(parts, terminal)
                for event in parts.poll():
                    terminal.say(event, style="yellow")
                self._say_new_alerts(terminal)
                self._say_who_ended(terminal)
                progress = self._progress(parts)
                if show is not None:
                    show.look(progress.machine_s)
                terminal.show(progress)
                time.sleep(REFRESH_S)
        except KeyboardInterrupt:
            return True
        if parts.exit_code("fleet") != 0:
            raise PartError(f"the fleet ended: {last_lines(self._log('fleet'))}")
        return False

    def _show(self, terminal: Terminal) -> ReleaseShow | None:
        if self._release is None:
            return None
        return ReleaseShow(
            self._release,
            self._shelf.read(),
            self.address,
            lambda path, body: self._ask(f"api/v1/{path}", body),
            lambda line: terminal.say(line.text, line.style),
        )

    def _kill_when_due(self, parts: Supervisor, terminal: Terminal) -> None:
        while self._kills and time.monotonic() - self._started >= self._kills[0].at_s:
            kill = self._kills.pop(0)
            parts.kill(kill.part, kill.hold_s)
            terminal.say(
                f"killed {kill.part}; it stays down for {format_duration(kill.hold_s)}", style="yellow"
            )

    def _say_new_alerts(self, terminal: Terminal) -> None:
        alerts = (self._ask("api/v1/alerts?limit=500") or {}).get("alerts", [])
        self._open_alerts = sum(alert["status"] != "cleared" for alert in alerts)
        for alert in reversed(alerts):
            if alert["id"] not in self._said:
                self._said.add(alert["id"])
                terminal.say(f"{alert['device_id']}: {alert['title']}", style="bold red")

    def _say_who_ended(self, terminal: Terminal) -> None:
        for device, reason in _read_json(self._folder / "progress.json").get("ended", {}).items():
            if device not in self._ended:
                self._ended.add(device)
                terminal.say(f"{device}: {reason}")

    def _progress(self, parts: Supervisor) -> Progress:
        fleet = _read_json(self._folder / "progress.json")
        health = self._ask("api/v1/ingest/health") or {}
        counters = fleet.get("machines", {}).values()
        if time.monotonic() - self._memory_at > MEMORY_PERIOD_S:
            self._memory_at = time.monotonic()
            self._memory_bytes = sum(parts.rss_bytes().values())
        return Progress(
            wall_s=time.monotonic() - self._started,
            machine_s=fleet.get("machine_seconds", 0.0),
            machine_total_s=self._options.machine_seconds,
            machines=len(self._machines),
            offline=len(self._ended),
            messages_stored=health.get("messages_stored", 0),
            messages_per_s=health.get("messages_per_s", 0.0),
            windows=sum(c["scored"] for c in counters),
            open_alerts=self._open_alerts,
            memory_bytes=self._memory_bytes,
        )

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """One question to the API, or one wish; None while it cannot answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.address}{path}", data, {"Content-Type": "application/json", "X-API-Key": self._door.key}
        )
        try:
            with urllib.request.urlopen(request, timeout=2.0) as answer:  # noqa: S310
                content: dict[str, Any] = json.load(answer)
                return content
        except (urllib.error.URLError, OSError, ValueError):
            return None

    # -- stopping --------------------

    def _stop(self, parts: Supervisor, terminal: Terminal, interrupted: bool) -> None:
        """The fleet first, so that the cloud can still acknowledge; then along the road."""
        if interrupted:
            terminal.say("Stopping: the agents hand over what they have …")
        parts.stop("fleet", timeout_s=DRAIN_S + 5.0)
        release_parts = RELEASE_PARTS if self._release is not None else ()
        for name in (*release_parts, "ingest", "serve", "broker"):
            parts.stop(name, timeout_s=10.0)


def main(argv: Sequence[str]) -> int:
    """Run the demo; returns 0 when every message was stored exactly once, or, after Ctrl-C, still waits."""
    options = parse_options(argv)
    machines = plan_machines(options)
    release = plan_release(options, machines)
    raise_interrupt_on_sigterm()
    folder = _open_folder(options)
    try:
        report = Demo(options, machines, folder, release).run()
        write_report(report, options.json_path)
    finally:
        if options.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    return report.exit_code


def _open_folder(options: DemoOptions) -> Path:
    folder = options.data_dir or Path(tempfile.mkdtemp(prefix="industrialguard-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"--data {folder} is not empty: give a new folder, so that old counts do not mix with new ones"
        )
    for name in ("cloud", "devices", "logs", "release"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def _industrialguard(arguments: Sequence[str]) -> tuple[str, ...]:
    return module_command(sys.executable, "industrialguard", arguments)


def _has_logged(path: Path, text: str) -> bool:
    return path.exists() and text in path.read_text("utf-8", errors="replace")


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
