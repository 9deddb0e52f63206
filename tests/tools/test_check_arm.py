"""The check asks for the right wheels, compares honestly and says in one line what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import PROJECT_ROOT
from tools import check_arm
from tools.arm_board import BOARDS, CheckError
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
        "alarms": 1,
        "decides_alike": True,
        "largest_score": 1.0,
        "largest_score_gap": 0.0009,
        "kernels": "default",
        "same_kernels_gap": 0.0009,
        "one_step_reach": 0.0,
        "outside_one_step": 0,
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


def test_a_report_ends_with_the_verdict() -> None:
    lines = check_arm.format_report(REPORT).splitlines()
    assert lines[-1] == "arm64: passed, 1 bundles, at most 1 int8 steps, 90 s"
    assert any("no measure of a board" in line for line in lines)
    failed = {**REPORT, "passed": False, "max_steps": 2, "from_debian": ["numpy"]}
    lines = check_arm.format_report(failed).splitlines()
    assert "FAILED" in lines[-1]
    assert any(line.split() == ["debian", "numpy", "1.26.4"] for line in lines)


def test_a_report_says_what_the_agents_did() -> None:
    agent = REPORT["agent"]
    first, second = check_arm.format_agent(agent)
    assert first.endswith("197 scored (here 197), 1 alarm edges, states and alarms as here")
    assert second.endswith("at most 0.0009 from here")
    first, *_ = check_arm.format_agent({**agent, "decides_alike": False})
    assert first.endswith("states and alarms NOT as here")


def test_other_kernels_are_named_with_the_bound() -> None:
    apart = {"contexts": 213, "max_steps": 7, "same_share": 0.9575}
    other = {
        "kernels": "reference",
        "same_kernels_gap": 3e-7,
        "one_step_reach": 0.0223,
        "kernel_steps": apart,
    }
    *_, kernels, outputs, bound = check_arm.format_agent({**REPORT["agent"], **other, "outside_one_step": 2})
    assert kernels.strip() == "kernels reference: with the same kernels, at most 3e-07 from here"
    assert (
        outputs.split(": ")[1] == "reference kernels at most 7 int8 steps from the default ones, 95.75% equal"
    )
    assert "213 contexts" in outputs
    assert "by up to 0.022; 2 scores are farther off" in bound


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
