"""A root is built once and whole, and run by the first way that works; failures say what to do."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tools.arm_board import (
    BOARDS,
    COMPLETE,
    SUITE,
    Board,
    CheckError,
    Guest,
    build_root,
    choose_way,
    missing_needs,
    run,
    ways,
)

ARM64, ARMV7 = BOARDS["arm64"], BOARDS["armv7"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that goes before the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def put_program(path: Path, *lines: str) -> Path:
    """Write an executable shell script."""
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


def put_mmdebstrap(programs: Path, calls: Path) -> None:
    """A mmdebstrap that notes its arguments and packs a tree that says which call it comes from."""
    put_program(
        programs / "mmdebstrap",
        f'echo "$*" >> {calls}',
        'while [ "${1#--}" != "$1" ]; do shift; done',
        "tree=$(mktemp -d)",
        'mkdir -p "$tree/usr/lib/arm-linux-gnueabihf/blas" "$tree/usr/bin"',
        f'wc -l < {calls} > "$tree/usr/bin/python3"',
        'tar -C "$tree" -cf "$2" .',
        'rm -r "$tree"',
    )


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_everything_missing_is_said_with_what_installs_it(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = missing_needs(board)
    assert [line.split()[0] for line in said] == [board.qemu, "mmdebstrap", "unshare"]
    assert all("apt-get install " in line for line in said)
    assert said[0].endswith("qemu-user-static")


def test_nothing_is_missing_where_all_is_there(programs: Path) -> None:
    for name in (ARM64.qemu, "mmdebstrap", "unshare"):
        put_program(programs / name)
    assert missing_needs(ARM64) == []


def test_a_root_is_fetched_once(programs: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    put_mmdebstrap(programs, calls)
    root = build_root(ARM64, tmp_path / "work")
    assert build_root(ARM64, tmp_path / "work") == root
    said = calls.read_text().splitlines()
    assert len(said) == 1
    assert "--variant=extract --architectures=arm64 --include=python3-venv,libstdc++6" in said[0]
    assert said[0].endswith(f"{SUITE} {tmp_path / 'work' / 'root.tar'}")
    assert not (tmp_path / "work" / "root.tar").exists()
    assert all((root / folder).is_dir() for folder in ("proc", "dev"))


def test_a_mirror_is_passed_on(programs: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    put_mmdebstrap(programs, calls)
    build_root(ARM64, tmp_path / "work", "file:///srv/mirror")
    assert calls.read_text().rstrip().endswith(" file:///srv/mirror")


@pytest.mark.parametrize("left", [None, "other packages"])
def test_a_half_built_or_other_root_is_replaced(programs: Path, tmp_path: Path, left: str | None) -> None:
    calls = tmp_path / "calls"
    put_mmdebstrap(programs, calls)
    root = build_root(ARM64, tmp_path / "work")
    (root / "stray").touch()
    if left is None:
        (root / COMPLETE).unlink()
    else:
        (root / COMPLETE).write_text(left)
    assert build_root(ARM64, tmp_path / "work") == root
    assert (root / "usr" / "bin" / "python3").read_text().strip() == "2"
    assert not (root / "stray").exists()


def test_links_of_maintainer_scripts_are_made(programs: Path, tmp_path: Path) -> None:
    put_mmdebstrap(programs, tmp_path / "calls")
    root = build_root(ARMV7, tmp_path / "work")
    link = root / "usr" / "lib" / "arm-linux-gnueabihf" / "libblas.so.3"
    assert link.readlink() == Path("blas/libblas.so.3")


def test_a_failed_fetch_leaves_nothing_that_looks_complete(programs: Path, tmp_path: Path) -> None:
    put_program(
        programs / "mmdebstrap", "echo 'E: Failed to fetch it' >&2", "echo 'I: removing' >&2", "exit 25"
    )
    with pytest.raises(CheckError, match="mmdebstrap ended with 25: E: Failed to fetch it"):
        build_root(ARM64, tmp_path / "work")
    assert not (tmp_path / "work" / "root" / COMPLETE).exists()


def test_output_comes_back_and_failures_are_named(tmp_path: Path) -> None:
    assert run(("sh", "-c", "echo one; pwd"), cwd=tmp_path) == f"one\n{tmp_path}\n"
    assert run(("sh", "-c", "echo $A$HOME"), environment={"A": "b"}) == "b\n"
    with pytest.raises(CheckError, match=r"^the step ended with 3: last words$"):
        run(("sh", "-c", "echo first >&2; echo last words >&2; exit 3"), "the step")
    with pytest.raises(CheckError, match=r"^sh ended with 4: no word$"):
        run(("sh", "-c", "exit 4"))
    with pytest.raises(CheckError, match=r"^no-such-program: .*No such file"):
        run(("no-such-program",))


def test_ways_go_from_faithful_to_modest(programs: Path, tmp_path: Path) -> None:
    emulator = put_program(programs / ARM64.qemu)
    found = list(ways(ARM64, tmp_path))
    assert [guest.way.split()[0] for guest in found][:1] == ["chroot"]
    assert found[-1].way == "prefix"
    assert all("--net" in guest.enter for guest in found[:-1]), "a board installs without a network"
    assert all("--mount" in guest.enter for guest in found[:-1]), "mounts stay in a name space"
    assert (tmp_path / ARM64.qemu).read_text() == emulator.read_text()
    assert found[0].path("/opt/x") == "/opt/x"
    assert found[-1].path("/opt/x") == f"{tmp_path}/opt/x"


def test_the_first_way_that_answers_is_taken(programs: Path, tmp_path: Path) -> None:
    put_program(programs / "unshare", "echo 'not permitted' >&2", "exit 1")
    put_program(programs / ARM64.qemu, "echo aarch64")
    assert choose_way(ARM64, tmp_path).way == "prefix"
    put_program(programs / "unshare", "echo aarch64")
    assert choose_way(ARM64, tmp_path).way == "chroot in a user's name space"
    assert choose_way(ARM64, tmp_path, "prefix").way == "prefix"


def test_no_way_says_what_each_of_them_said(programs: Path, tmp_path: Path) -> None:
    put_program(programs / "unshare", "echo 'not permitted' >&2", "exit 1")
    put_program(programs / ARM64.qemu, "echo x86_64")
    with pytest.raises(CheckError) as raised:
        choose_way(ARM64, tmp_path)
    said = str(raised.value)
    assert "\n" not in said
    assert "not permitted" in said
    assert "prefix: Python says that it runs on x86_64" in said


def test_a_board_sees_no_setting_of_this_machine(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/elsewhere")
    put_program(programs / ARM64.qemu, "env")
    guest = list(ways(ARM64, tmp_path))[-1]
    assert "PIP_FIND_LINKS" not in guest.run("/usr/bin/python3")


def test_a_failure_on_the_board_is_named_so() -> None:
    false = shutil.which("false")
    assert false is not None
    with pytest.raises(CheckError, match=r"^false on the board ended with 1"):
        Guest("here", Path("/"), ()).run(false)
    assert Guest("here", Path("/"), ()).run(sys.executable, "-c", "print(1)") == "1\n"
