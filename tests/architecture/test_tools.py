"""The scripts behind `make` choose, refuse and compare as they say."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT
from tools import generate_proto

SHELL_TOOLS = ("awk", "cat", "dirname", "rm", "sh")
SCRIPTS = sorted((PROJECT_ROOT / "tools").glob("*.sh"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project's scripts, and beside them a PATH folder `bin` with neither uv nor Python."""
    shutil.copytree(PROJECT_ROOT / "tools", tmp_path / "clone" / "tools")
    shutil.copy(PROJECT_ROOT / ".python-version", tmp_path / "clone")
    (tmp_path / "bin").mkdir()
    for tool in SHELL_TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path / "clone"


def put_program(path: Path, *lines: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


def run(clone: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts with nothing but the tools of `bin` on the PATH."""
    return subprocess.run(
        ["sh", str(clone / "tools" / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=clone.parent,
        env={"PATH": str(clone.parent / "bin"), "HOME": str(clone.parent), **environment},
    )


def test_neither_uv_nor_python_is_said_clearly(clone: Path) -> None:
    done = run(clone, "find_uv.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert "neither uv nor Python 3 was found" in done.stderr


@pytest.mark.parametrize("version", ["0.8.0", "0.13.8 (x86_64-unknown-linux-gnu)", "1.0.2"])
def test_a_new_enough_uv_on_the_path_is_used(clone: Path, version: str) -> None:
    uv = put_program(clone.parent / "bin" / "uv", f"echo 'uv {version}'")
    done = run(clone, "find_uv.sh")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(uv), "")


@pytest.mark.parametrize("version", ["0.7.22", "0.1.0", "nonsense"])
def test_an_old_uv_is_passed_over(clone: Path, version: str) -> None:
    put_program(clone.parent / "bin" / "uv", f"echo 'uv {version}'")
    assert run(clone, "find_uv.sh").returncode == 1


def test_our_own_uv_serves_when_the_path_has_an_old_one(clone: Path) -> None:
    put_program(clone.parent / "bin" / "uv", "echo 'uv 0.4.1'")
    own = put_program(clone / ".uv" / "bin" / "uv", "echo 'uv 0.9.0'")
    assert run(clone, "find_uv.sh").stdout.strip() == str(own)


def test_the_setting_uv_goes_before_the_path(clone: Path) -> None:
    put_program(clone.parent / "bin" / "uv", "echo 'uv 0.9.0'")
    chosen = put_program(clone.parent / "elsewhere" / "uv", "echo 'uv 0.9.1'")
    assert run(clone, "find_uv.sh", UV=str(chosen)).stdout.strip() == str(chosen)


def test_a_python_that_cannot_make_environments_leaves_nothing_half_made(clone: Path) -> None:
    put_program(clone.parent / "bin" / "python3", ": > .uv", "exit 1")
    done = run(clone, "find_uv.sh")
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert not (clone / ".uv").exists()


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("demo", "-c requirements.lock -e .[demo]"),
        ("all", "-c requirements.lock -e .[demo,fleet,pipeline,telemetry] --group dev"),
    ],
)
def test_install_asks_uv_for_the_locked_versions(clone: Path, what: str, expected: str) -> None:
    put_program(
        clone.parent / "bin" / "uv",
        'if [ "$1" = --version ]; then echo "uv 0.9.0"; else echo "$@" >> calls; fi',
    )
    done = run(clone, "install.sh", what)
    assert done.returncode == 0, done.stderr
    calls = (clone / "calls").read_text().splitlines()
    assert calls[0].startswith("venv ")
    assert "--python 3.11 .venv" in calls[0]
    assert calls[1] == f"pip install --quiet --python .venv/bin/python {expected}"


def test_install_keeps_an_environment_of_the_right_python(clone: Path) -> None:
    put_program(
        clone.parent / "bin" / "uv",
        'if [ "$1" = --version ]; then echo "uv 0.9.0"; else echo "$@" >> calls; fi',
    )
    put_program(clone / ".venv" / "bin" / "python", "exit 0")
    assert run(clone, "install.sh", "demo").returncode == 0
    assert (clone / "calls").read_text().startswith("pip install ")


@pytest.mark.parametrize("arguments", [(), ("everything",)])
def test_install_refuses_what_it_does_not_know(clone: Path, arguments: tuple[str, ...]) -> None:
    done = run(clone, "install.sh", *arguments)
    assert (done.returncode, done.stderr) == (2, "usage: tools/install.sh demo|all\n")


def test_servers_are_left_to_the_person_where_apt_is_missing(clone: Path) -> None:
    wanted = ("mosquitto", "postgres", "java", "mvn", "chromium", "softhsm2-util")
    if any(shutil.which(name, path="/usr/sbin:/usr/local/sbin") for name in wanted):
        for name in wanted:
            put_program(clone.parent / "bin" / name)
        assert run(clone, "install_servers.sh").stderr == ""
        return
    put_program(clone.parent / "bin" / "id", "echo 1000")
    done = run(clone, "install_servers.sh")
    assert done.returncode == 0
    assert "without mosquitto" in done.stderr
    assert "chromium" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_failure(script: Path) -> None:
    assert "\nset -eu\n" in script.read_text()
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)


def test_stale_generated_files_are_found(tmp_path: Path) -> None:
    for name, content in {"same_pb2.py": b"1", "changed_pb2.py": b"2", "orphan_pb2.pyi": b"3"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "hand_written.py").write_bytes(b"4")
    generated = {"same_pb2.py": b"1", "changed_pb2.py": b"0", "missing_pb2.pyi": b"5"}
    stale = ["changed_pb2.py", "missing_pb2.pyi", "orphan_pb2.pyi"]
    assert generate_proto.find_stale(generated, tmp_path) == stale


def test_stale_files_are_reported_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_proto.report([]) == 0
    assert generate_proto.report(["a_pb2.py"]) == 1
    assert (
        capsys.readouterr().err
        == "contract/proto/a_pb2.py is out of date: run `make proto` and commit the result\n"
    )
