"""The agent's unit: systemd takes it, it is hardened, and its command is one that the agent takes."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from edge_agent.__main__ import build_parser
from edge_agent.provision import build_parser as build_provision_parser
from tests.conftest import require
from tests.deploy.manifests import DEPLOY
from tools.servers.programs import find_program

UNIT = DEPLOY / "systemd" / "industrialguard-agent@.service"
TEXT = UNIT.read_text()
PROGRAM = "/opt/industrialguard/bin/industrialguard"
STATE = Path("/var/lib/industrialguard/press-07")
MOST_EXPOSED = 2.0
"""By `systemd-analyze security`: 0 is closed, 10 is open."""


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    found = find_program("systemd-analyze")
    require(found is not None, "systemd-analyze is not installed: apt-get install systemd")
    assert found is not None
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists here."""
    copy = tmp_path / UNIT.name
    copy.write_text(TEXT.replace(PROGRAM, "/bin/true"))
    return copy


def verify(systemd_analyze: str, unit: Path) -> tuple[int, list[str]]:
    """Exit status, and what is said of our units; others on this computer may have faults of their own."""
    line = [systemd_analyze, "verify", "--man=no", str(unit)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.returncode, [said for said in done.stderr.splitlines() if "/lib/systemd/" not in said]


def test_systemd_takes_it(systemd_analyze: str, unit: Path) -> None:
    instance = unit.with_name(unit.name.replace("@", "@press-07"))
    assert verify(systemd_analyze, instance) == (0, [])


def test_it_is_closed_to_all_that_it_does_not_need(systemd_analyze: str, unit: Path) -> None:
    line = [systemd_analyze, "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= MOST_EXPOSED, said


def test_its_command_and_its_example_are_ones_that_the_agent_takes() -> None:
    (started,) = re.findall(r"^ExecStart=((?:.+\\\n)*.+)$", TEXT, flags=re.MULTILINE)
    (options,) = re.findall(r"^#\s+AGENT_OPTIONS=(.+)$", TEXT, flags=re.MULTILINE)
    line = (
        started.replace("\\\n", "")
        .replace("$AGENT_OPTIONS", options)
        .replace("%i", "press-07")
        .replace("%S", "/var/lib")
    )
    program, agent, *words = shlex.split(line)
    assert (program, agent) == (PROGRAM, "agent")
    taken = build_parser().parse_args(words)
    assert (taken.device, taken.state, taken.identity) == ("press-07", STATE, STATE / "identity")


def test_it_is_provisioned_where_the_agent_looks_and_with_its_rights() -> None:
    """Renewal, too, needs to write there: the folder lies in the unit's state."""
    (said,) = re.findall(r"^#   (systemd-run .+\n#     .+\n#     .+)$", TEXT, flags=re.MULTILINE)
    before, _, line = said.replace("\\\n#", "").partition(f" {PROGRAM} provision ")
    words = shlex.split(line)
    assert words[-2:] == ["<", "token"]
    taken = build_provision_parser().parse_args(words[:-2])
    assert (taken.identity, taken.token_file) == (STATE / "identity", "-")
    for given in re.findall(r"-p (\S+)", before):
        assert given.replace("press-07", "%i") in TEXT.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "Restart=always",
        "WatchdogSec=60",
        "StateDirectory=industrialguard/%i",
        "DynamicUser=yes",
    ],
)
def test_it_keeps_what_the_agent_counts_on(line: str) -> None:
    assert line in TEXT.splitlines()
