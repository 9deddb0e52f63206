"""Starts the agent as an ARM board would, without a board, and compares what it computes with this machine.

Rule: nothing outside the work folder is written. The board gets wheels and its Debian, never a compiler, and
installs them without a network; the answers are those of its own Python.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.arm_agents import ROOT, compare_agents, industrialguard
from tools.arm_board import BOARDS, Board, CheckError, Guest, build_root, choose_way, missing_needs, run

DEFAULT_WORK = Path.home() / ".cache" / "industrialguard" / "arm"
PYTHON = "3.11"
OLDEST_GLIBC, DEBIAN_GLIBC = 17, 36
"""Minor versions of glibc 2: the oldest that wheels are made for, and Debian 12's."""
MAX_STEPS = 1
"""Largest difference from the golden outputs, in int8 steps."""

NOTES = """\
what it needs:
  Linux on any processor; root is not needed
  qemu-user-static, mmdebstrap, util-linux   apt-get install qemu-user-static mmdebstrap
  a Debian mirror and a Python package index, on the first run
  300 MB in the work folder for each architecture, and three to six minutes

what it does:
  1 unpacks Debian 12 for the architecture (Python 3.11 of Debian, nothing configured)
  2 fetches wheels for what `edge` needs, as requirements.lock says, and builds the project's own
  3 installs them on the board, offline, with the board's pip
  4 there: `industrialguard agent --help`; the golden windows of every shipped bundle; an agent that
    watches a simulated pump, whose decisions and scores are compared with those of this machine
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    board: Board
    work: Path
    mirror: str
    way: str
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    """Check one architecture.

    Returns:
        0 when everything holds, 1 when something does not, 2 when this machine lacks something.
    """
    parser = build_parser()
    given = parser.parse_args(argv)
    if not given.seconds > 0:
        parser.error("--seconds must be positive")
    board = BOARDS[given.arch]
    missing = missing_needs(board)
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 2
    options = Options(board, given.work.resolve() / board.name, given.mirror, given.way, given.seconds)
    try:
        report = check(options)
    except CheckError as error:
        print(f"check_arm: {error}", file=sys.stderr)
        return 1
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(format_report(report))
    return 0 if report["passed"] else 1


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.check_arm",
        description="Start the agent on an emulated ARM board and compare what it computes.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--arch", choices=sorted(BOARDS), default="arm64", help="kind of board (arm64)")
    parser.add_argument(
        "--work", type=Path, default=DEFAULT_WORK, help="work folder, kept for the next run (%(default)s)"
    )
    parser.add_argument("--mirror", default="", metavar="URL", help="Debian mirror (mmdebstrap's own choice)")
    parser.add_argument(
        "--way", choices=("auto", "chroot", "prefix"), default="auto", help="how to run the board's programs"
    )
    parser.add_argument(
        "--seconds", type=float, default=1200.0, help="machine time that the agent watches, in s (1200)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here too")
    return parser


def check(options: Options) -> dict[str, Any]:
    """Build the board, install, ask, compare.

    Raises:
        CheckError: a step failed, so that there is nothing to compare.
    """
    started_s = time.monotonic()
    board = options.board
    say(f"Debian 12 for {board.debian}")
    root = build_root(board, options.work, options.mirror)
    say("wheels")
    wheels = fetch_wheels(board, root)
    guest = choose_way(board, root, options.way)
    say(f"installing {len(wheels)} wheels, by {guest.way}")
    install(board, guest)
    say("golden windows")
    agent_help = industrialguard(guest, "agent", "--help").splitlines()[0]
    shutil.copy2(Path(__file__).with_name("arm_probe.py"), root / "opt" / "arm_probe.py")
    answers = json.loads(
        guest.run("/opt/industrialguard/bin/python", guest.path("/opt/arm_probe.py"), "golden")
    )
    say(f"an agent, for {options.seconds:g} s of machine time")
    agent = compare_agents(guest, board, options.work, options.seconds)
    worst = max((result["max_steps"] for result in answers["golden"]), default=None)
    passed = worst is not None and worst <= MAX_STEPS and agent["agrees"]
    return {
        "arch": board.name,
        "way": guest.way,
        "wheels": wheels,
        "from_debian": sorted(board.from_debian),
        "agent_help": agent_help,
        **answers,
        "agent": agent,
        "max_steps": worst,
        "passed": passed,
        "wall_s": round(time.monotonic() - started_s, 1),
    }


def say(what: str) -> None:
    """Tell a waiting person what is being done."""
    print(f"check_arm: {what} …", file=sys.stderr, flush=True)


def edge_requirements(pyproject: str, machine: str) -> list[Requirement]:
    """What a device of this kind needs, markers already judged.

    Args:
        pyproject: Content of pyproject.toml.
        machine: The device's `platform.machine()`.
    """
    project = tomllib.loads(pyproject)["project"]
    environment = {"platform_machine": machine, "sys_platform": "linux", "platform_system": "Linux"}
    kept = []
    for line in (*project["dependencies"], *project["optional-dependencies"]["edge"]):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            kept.append(requirement)
    return kept


def locked_versions(lock: str, machine: str) -> dict[str, str]:
    """The versions that requirements.lock holds for this kind of device, by canonical name."""
    versions: dict[str, str] = {}
    for line in re.findall(r"^[a-z0-9][^\\\n]*", lock, flags=re.MULTILINE):
        requirement = Requirement(line.strip())
        environment = {"platform_machine": machine, "sys_platform": "linux", "platform_system": "Linux"}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            versions[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return versions


def platforms(machine: str) -> list[str]:
    """The wheel platforms that Debian 12 runs, the newest glibc first."""
    many = [f"manylinux_2_{minor}_{machine}" for minor in range(DEBIAN_GLIBC, OLDEST_GLIBC - 1, -1)]
    return [*many, f"manylinux2014_{machine}", f"linux_{machine}"]


def fetch_wheels(board: Board, root: Path) -> list[str]:
    """Put the wheels where the board finds them: those of the package index, and the project's own.

    Returns:
        Their file names.

    Raises:
        CheckError: something has no wheel for this board, or there is no network.
    """
    folder = root / "opt" / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted = [
        str(requirement)
        for requirement in edge_requirements((ROOT / "pyproject.toml").read_text("utf-8"), board.machine)
        if canonicalize_name(requirement.name) not in board.from_debian
    ]
    locked = locked_versions((ROOT / "requirements.lock").read_text("utf-8"), board.machine)
    held = root.parent / "constraints.txt"
    held.write_text("".join(f"{name}=={v}\n" for name, v in locked.items()), "utf-8")
    pip = (sys.executable, str(find_pip(root)))
    chosen = [f"--platform={platform}" for platform in platforms(board.machine)]
    chosen += [f"--python-version={PYTHON}", "--implementation=cp", "--only-binary=:all:"]
    # With numpy from Debian, what needs numpy would ask for its wheel: then every wheel is named here.
    alone = ["--no-deps"] if board.from_debian else []
    run((*pip, "download", "-q", *chosen, *alone, "-c", str(held), "-d", str(folder), *wanted))
    run((*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)))
    return sorted(path.name for path in folder.iterdir())


def find_pip(root: Path) -> Path:
    """Debian's pip, a wheel that runs as it lies, on any processor."""
    found = sorted((root / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    if not found:
        raise CheckError(f"{root} has no pip; remove the work folder and start again")
    return found[-1] / "pip"


def install(board: Board, guest: Guest) -> None:
    """Install on the board as a person would: a virtual environment, the extra `edge`, wheels only.

    Raises:
        CheckError: the wheels are not all that the board needs.
    """
    place = guest.path("/opt/industrialguard")
    system = ["--system-site-packages"] if board.from_debian else []
    guest.run("/usr/bin/python3", "-m", "venv", "--clear", "--without-pip", *system, place)
    pip = guest.path("/" + str(find_pip(guest.root).relative_to(guest.root)))
    source = ("--no-index", "--only-binary=:all:", f"--find-links={guest.path('/opt/wheels')}")
    guest.run("/opt/industrialguard/bin/python", pip, "install", "-q", *source, "industrialguard[edge]")


def format_agent(agent: dict[str, Any]) -> list[str]:
    """What the comparison of the agents found (`tools.arm_agents.judge`)."""
    same = "as" if agent["decides_alike"] else "NOT as"
    lines = [
        f"  agent   {agent['windows']} windows, {agent['scored']} scored (here {agent['scored_here']}), "
        f"{agent['alarms']} alarm edges, states and alarms {same} here",
        f"  scores  up to {agent['largest_score']:.3f}, at most {agent['largest_score_gap']:.2g} from here",
    ]
    if agent["kernels"] != "default":
        apart = agent["kernel_steps"]
        lines += [
            f"  kernels {agent['kernels']}: with the same kernels, at most {agent['same_kernels_gap']:.2g} "
            "from here",
            f"  outputs of {apart['contexts']} contexts here: {agent['kernels']} kernels at most "
            f"{apart['max_steps']} int8 steps from the default ones, {apart['same_share']:.2%} equal",
            f"  bound   outputs one int8 step off move a score here by up to {agent['one_step_reach']:.2g}; "
            f"{agent['outside_one_step']} scores are farther off",
        ]
    return lines


def format_report(report: dict[str, Any]) -> str:
    """What a person reads, ending with one line that says whether it holds."""
    agent = report["agent"]
    machine = f"{report['machine']}, Python {report['python']}, {report['libc']}"
    lines = [
        f"{report['arch']}: {machine}, by {report['way']}",
        *(f"  wheel   {name}" for name in report["wheels"]),
        *(f"  debian  {name} {report['versions'].get(name, '')}" for name in report["from_debian"]),
        *(
            f"  golden  {one['bundle']}: {one['windows']} windows, at most {one['max_steps']} int8 steps "
            f"off, {one['same_share']:.2%} of the outputs equal"
            for one in report["golden"]
        ),
        *format_agent(agent),
        f"  memory  {agent['rss_mb_with_emulator']} MB with the emulator's own; no measure of a board",
        f"{report['arch']}: {'passed' if report['passed'] else 'FAILED'}, {len(report['golden'])} bundles, "
        f"at most {report['max_steps']} int8 steps, {report['wall_s']:.0f} s",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
