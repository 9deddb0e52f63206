"""The check asks for the right wheels, compares honestly and says in one line what is wrong."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import PROJECT_ROOT
from tools import check_arm
from tools.arm_board import BOARDS, CheckError, Guest
from tools.check_arm import Options, edge_requirements, locked_versions, platforms

PYPROJECT = (PROJECT_ROOT / "pyproject.toml").read_text()
LOCK = (PROJECT_ROOT / "requirements.lock").read_text()
SAMPLE_LOCK = """\
# written by a tool
alpha==1.2 \\
    --hash=sha256:00
beta.gamma==2.0 ; platform_machine == 'armv7l' or sys_platform == 'win32' \\
    --hash=sha256:01 \\
    --hash=sha256:02
delta==3 ; platform_machine != 'armv7l' \\
    --hash=sha256:03
"""
REPORT: dict[str, Any] = {
    "arch": "arm64",
    "way": "prefix",
    "wheels": ["numpy-1-aarch64.whl"],
    "from_debian": [],
    "machine": "aarch64",
    "python": "3.11.2",
    "libc": "glibc 2.36",
    "versions": {"numpy": "1.26.4"},
    "golden": [{"bundle": "pump", "windows": 8, "max_steps": 1, "same_share": 0.965}],
    "agent": {
        "windows": 240,
        "scored": 197,
        "scored_here": 197,
        "largest_score": 1.0,
        "largest_score_gap": 0.0009,
        "rss_mb_with_emulator": 120.0,
    },
    "max_steps": 1,
    "passed": True,
    "wall_s": 90.0,
}


@pytest.mark.parametrize(
    ("machine", "runtime"), [("aarch64", "ai-edge-litert"), ("armv7l", "tflite-runtime")]
)
def test_each_board_gets_its_own_runtime(machine: str, runtime: str) -> None:
    found = edge_requirements(PYPROJECT, machine)
    names = {requirement.name for requirement in found}
    assert names - {"backports-strenum"} == {"numpy", "protobuf", "paho-mqtt", runtime}
    assert all(requirement.marker is None for requirement in found)
    assert len(found) == len(names)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_lock_holds_what_a_board_asks_for(board: Any) -> None:
    locked = locked_versions(LOCK, board.machine)
    for requirement in edge_requirements(PYPROJECT, board.machine):
        if requirement.name not in board.from_debian:
            assert requirement.specifier.contains(locked[requirement.name])


def test_markers_of_the_lock_are_judged_for_the_board() -> None:
    assert locked_versions(SAMPLE_LOCK, "armv7l") == {"alpha": "1.2", "beta-gamma": "2.0"}
    assert locked_versions(SAMPLE_LOCK, "aarch64") == {"alpha": "1.2", "delta": "3"}


def test_debian_runs_wheels_up_to_its_own_glibc() -> None:
    found = platforms("aarch64")
    assert found[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"} <= set(found)
    assert "manylinux_2_37_aarch64" not in found


def test_pip_is_found_in_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "usr" / "share" / "python-wheels"
    with pytest.raises(CheckError, match="has no pip; remove the work folder"):
        check_arm.find_pip(tmp_path)
    folder.mkdir(parents=True)
    (folder / "pip-23.0.1-py3-none-any.whl").touch()
    assert check_arm.find_pip(tmp_path) == folder / "pip-23.0.1-py3-none-any.whl" / "pip"


def make_guest(folder: Path, seed: int) -> Guest:
    """A board that is this very machine; its agent watches the pump of this seed, whatever it is told."""
    programs = folder / "root" / "opt" / "industrialguard" / "bin"
    programs.mkdir(parents=True)
    python, command = programs / "python", programs / "industrialguard"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command.write_text(
        "import sys\nfrom industrialguard.__main__ import main\n"
        f"sys.exit(main([word.replace('seed=1,', 'seed={seed},') for word in sys.argv[1:]]))\n"
    )
    return Guest("here", folder / "root", (), str(folder / "root"))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "agrees"), [(1, True), (2, False)])
def test_agents_are_compared_by_what_they_would_have_sent(tmp_path: Path, seed: int, agrees: bool) -> None:
    options = Options(BOARDS["arm64"], tmp_path / "work", "", "auto", 850.0)
    (tmp_path / "work").mkdir()
    found = check_arm.compare_agents(make_guest(tmp_path, seed), options)
    assert found["agrees"] is agrees
    assert (found["largest_score_gap"] == 0) is agrees
    assert found["scored"] > 0
    assert found["largest_score"] > 0.5, "a machine that is never suspicious compares nothing but zeros"


@pytest.mark.slow
def test_an_agent_that_scores_nothing_does_not_agree(tmp_path: Path) -> None:
    options = Options(BOARDS["arm64"], tmp_path / "work", "", "auto", 60.0)
    (tmp_path / "work").mkdir()
    found = check_arm.compare_agents(make_guest(tmp_path, 1), options)
    assert (found["scored"], found["agrees"]) == (0, False)


def test_a_report_ends_with_the_verdict() -> None:
    lines = check_arm.format_report(REPORT).splitlines()
    assert lines[-1] == "arm64: passed, 1 bundles, at most 1 int8 steps, 90 s"
    assert any("no measure of a board" in line for line in lines)
    failed = {**REPORT, "passed": False, "max_steps": 2, "from_debian": ["numpy"]}
    lines = check_arm.format_report(failed).splitlines()
    assert "FAILED" in lines[-1]
    assert any(line.split() == ["debian", "numpy", "1.26.4"] for line in lines)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_no_time_to_watch_is_refused(seconds: str) -> None:
    with pytest.raises(SystemExit) as raised:
        check_arm.main(["--seconds", seconds])
    assert raised.value.code == 2


def test_what_is_missing_is_said_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_arm.main(["--work", str(tmp_path / "work")]) == 2
    assert "apt-get install qemu-user-static" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_and_the_file_say_the_same(
    passed: bool,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(check_arm, "missing_needs", lambda _: [])
    monkeypatch.setattr(check_arm, "check", lambda _: {**REPORT, "passed": passed})
    assert check_arm.main(["--json", str(tmp_path / "out.json")]) == code
    assert json.loads((tmp_path / "out.json").read_text())["passed"] is passed
    assert ("passed" if passed else "FAILED") in capsys.readouterr().out


def test_a_failed_step_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Options) -> dict[str, Any]:
        raise CheckError("no network")

    monkeypatch.setattr(check_arm, "missing_needs", lambda _: [])
    monkeypatch.setattr(check_arm, "check", fail)
    assert check_arm.main([]) == 1
    assert capsys.readouterr() == ("", "check_arm: no network\n")


def test_the_help_states_needs_and_deeds() -> None:
    text = check_arm.build_parser().format_help()
    assert "apt-get install qemu-user-static mmdebstrap" in text
    assert "root is not needed" in text
    assert all(option in text for option in ("--arch", "--work", "--json", "--mirror", "--way"))


def test_requirements_are_plain_names_for_pip() -> None:
    for requirement in edge_requirements(PYPROJECT, "armv7l"):
        assert ";" not in str(requirement)
        assert Requirement(str(requirement)).name == requirement.name
