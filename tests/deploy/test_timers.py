"""The timers that keep signatures alive are ones that systemd and `industrialguard ota` take."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from ota.__main__ import build_parser
from tests.deploy.manifests import DEPLOY
from tests.deploy.test_unit import MOST_EXPOSED, PROGRAM, systemd_analyze, verify

__all__ = ["systemd_analyze"]  # a fixture

REPOSITORY = Path("/srv/industrialguard/repository")
NAMES = ("refresh", "check-expiry")
every_name = pytest.mark.parametrize("name", NAMES)


def text(name: str, kind: str = "service") -> str:
    return (DEPLOY / "systemd" / f"industrialguard-ota-{name}.{kind}").read_text()


@every_name
def test_systemd_takes_both(systemd_analyze: str, tmp_path: Path, name: str) -> None:
    for kind in ("service", "timer"):
        (tmp_path / f"industrialguard-ota-{name}.{kind}").write_text(
            text(name, kind).replace(PROGRAM, "/bin/true")
        )
    assert verify(systemd_analyze, tmp_path / f"industrialguard-ota-{name}.timer") == (0, [])


@every_name
def test_its_hour_is_one(systemd_analyze: str, name: str) -> None:
    (when,) = re.findall(r"^OnCalendar=(.+)$", text(name, "timer"), flags=re.MULTILINE)
    subprocess.run([systemd_analyze, "calendar", when], capture_output=True, check=True)


@every_name
def test_it_is_closed_to_all_that_it_does_not_need(systemd_analyze: str, tmp_path: Path, name: str) -> None:
    unit = tmp_path / f"industrialguard-ota-{name}.service"
    unit.write_text(text(name))
    line = [systemd_analyze, "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found is not None and float(found[1]) <= MOST_EXPOSED, said


@every_name
def test_its_command_is_one_that_there_is_with_the_keys_that_it_is_given(name: str) -> None:
    unit = text(name)
    (started,) = re.findall(r"^ExecStart=((?:.+\\\n)*.+)$", unit, flags=re.MULTILINE)
    program, ota, *words = shlex.split(started.replace("\\\n", ""))
    assert (program, ota, words[0]) == (PROGRAM, "ota", name)
    taken = build_parser().parse_args(words)
    assert taken.repository == REPOSITORY
    loaded = re.findall(r"^LoadCredential=(\S+):\S+$", unit, flags=re.MULTILINE)
    assert getattr(taken, "key", []) == [f"file:%d/{each}" for each in loaded]
    assert (f"ReadWritePaths={REPOSITORY}" in unit.splitlines()) == (name == "refresh")


@every_name
def test_it_says_how_somebody_hears_of_a_failure(name: str) -> None:
    assert "OnFailure=" in text(name)
