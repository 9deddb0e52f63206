"""A Debian 12 system for another processor, unpacked in a folder and run by qemu's user emulation.

Rule: the machine underneath is left as it was. Packages are unpacked, never configured; mounts live in a name
space of their own and go with it; no interpreter is registered with the kernel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SUITE = "bookworm"
LIMIT_S = 1800.0
"""Longest that one command may take, in s: emulated, a start of Python alone takes some."""
COMPLETE = ".complete"

_ENTER = """
root=$1; shift
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
"""


class CheckError(Exception):
    """The check cannot go on; one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Board:
    """A kind of board, and what Debian gives it."""

    name: str
    debian: str
    """Debian's name of the architecture."""
    machine: str
    """What `platform.machine()` says on it."""
    qemu: str
    """The emulator: a static program, because it is started inside the root."""
    packages: tuple[str, ...]
    """Unpacked with all that they depend on."""
    from_debian: frozenset[str] = frozenset()
    """Python packages that Debian's packages provide, because no wheel does."""
    links: tuple[tuple[str, str], ...] = ()
    """Links that Debian's maintainer scripts would make: where, to what."""
    kernels: Literal["default", "reference"] = "default"
    """What its runtime computes a model with when it is asked for its default."""


_ARMHF = "usr/lib/arm-linux-gnueabihf"
BOARDS = {
    "arm64": Board(
        name="arm64",
        debian="arm64",
        machine="aarch64",
        qemu="qemu-aarch64-static",
        packages=("python3-venv", "libstdc++6"),
    ),
    "armv7": Board(
        name="armv7",
        debian="armhf",
        machine="armv7l",
        qemu="qemu-arm-static",
        packages=("python3-venv", "python3-numpy", "libstdc++6"),
        from_debian=frozenset({"numpy"}),
        links=(
            (f"{_ARMHF}/libblas.so.3", "blas/libblas.so.3"),
            (f"{_ARMHF}/liblapack.so.3", "lapack/liblapack.so.3"),
        ),
        kernels="reference",
    ),
}


@dataclass(frozen=True, slots=True)
class Guest:
    """One way to run the root's programs."""

    way: str
    root: Path
    enter: tuple[str, ...]
    """What goes before a command; ends with the emulator."""
    prefix: str = ""
    """What goes before a path of the root: empty where the root is the root."""
    environment: dict[str, str] = field(default_factory=dict)

    def path(self, inside: str) -> str:
        """A path of the root, as its programs see it."""
        return self.prefix + inside

    def run(self, *command: str) -> str:
        """Run a program of the root and return its stdout.

        Args:
            command: The program's path in the root and its arguments, paths as `path` gives them.

        Raises:
            CheckError: it failed.
        """
        program, *arguments = command
        name = f"{Path(program).name} on the board"
        return run((*self.enter, self.path(program), *arguments), name, self.environment)


def run(
    command: Sequence[str],
    name: str = "",
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command to its end and return its stdout.

    Args:
        command: A program and its arguments.
        name: What an error calls it; empty: the program's name.
        environment: All of its environment; None: this process's own.
        cwd: Where it runs; None: here.

    Raises:
        CheckError: it failed; with its last line.
    """
    name = name or Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=cwd,
            timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckError(f"{name}: {error}") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no word"]
        said = next((line for line in lines if line.startswith(("E:", "ERROR:"))), lines[-1])
        raise CheckError(f"{name} ended with {done.returncode}: {said.strip()}")
    return done.stdout


def missing_needs(board: Board) -> list[str]:
    """What this machine lacks, one sentence each, with what to do."""
    needs = (
        (board.qemu, "qemu-user-static", "it runs the board's programs"),
        ("mmdebstrap", "mmdebstrap", "it fetches and unpacks the board's Debian"),
        ("unshare", "util-linux", "it keeps mounts to itself"),
    )
    return [
        f"{program} is missing, {purpose}: apt-get install {package}"
        for program, package, purpose in needs
        if shutil.which(program) is None
    ]


def build_root(board: Board, folder: Path, mirror: str = "") -> Path:
    """Fetch and unpack the board's Debian, unless a complete one is there.

    Args:
        board: The kind of board.
        folder: Where to; the root becomes `folder/root`.
        mirror: Base address of a Debian mirror; empty: mmdebstrap's own choice.

    Raises:
        CheckError: no network, no room, or mmdebstrap cannot run here.
    """
    root, archive = folder / "root", folder / "root.tar"
    contents = " ".join((SUITE, board.debian, *board.packages))
    if (root / COMPLETE).is_file() and (root / COMPLETE).read_text() == contents:
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run(
        (
            "mmdebstrap",
            f"--mode={'root' if os.geteuid() == 0 else 'chrootless'}",
            "--variant=extract",
            f"--architectures={board.debian}",
            f"--include={','.join(board.packages)}",
            SUITE,
            str(archive),
            *([mirror] if mirror else []),
        )
    )
    run(("tar", "-C", str(root), "--no-same-owner", "--exclude=./dev/*", "-xf", str(archive)))
    archive.unlink()
    for link, target in board.links:
        (root / link).unlink(missing_ok=True)
        (root / link).symlink_to(target)
    for mount in ("proc", "dev"):
        (root / mount).mkdir(exist_ok=True)
    (root / COMPLETE).write_text(contents)
    return root


def ways(board: Board, root: Path) -> Iterator[Guest]:
    """How the root may be run, the most faithful first.

    A change of root as an ordinary user who is root in a name space of its own; the same as root, where the
    kernel gives users no name spaces; and without any change of root, by an emulator that looks for files in
    the root first.
    """
    emulator, unshare = (Path(shutil.which(name) or name) for name in (board.qemu, "unshare"))
    inner = f"/{board.qemu}"
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}  # noqa: S108
    spaces = ("--mount", "--net", "--pid", "--fork", "--kill-child")
    enter = ("sh", "-ec", _ENTER, "sh", str(root), inner)
    if emulator.is_file():
        shutil.copy2(emulator, root / board.qemu)
    yield Guest(
        "chroot in a user's name space",
        root,
        (str(unshare), "--user", "--map-root-user", *spaces, *enter),
        environment=environment,
    )
    if os.geteuid() == 0:
        yield Guest("chroot", root, (str(unshare), *spaces, *enter), environment=environment)
    yield Guest("prefix", root, (str(emulator), "-L", str(root)), str(root), environment)


def choose_way(board: Board, root: Path, wanted: str = "auto") -> Guest:
    """The first way in which the board's Python answers.

    Args:
        board: The kind of board.
        root: Its Debian.
        wanted: `auto`, or how the name of an acceptable way begins.

    Raises:
        CheckError: none works; says what each of them said.
    """
    tried = []
    for guest in ways(board, root):
        if wanted != "auto" and not guest.way.startswith(wanted):
            continue
        try:
            machine = guest.run("/usr/bin/python3", "-c", "import platform; print(platform.machine())")
        except CheckError as error:
            tried.append(f"{guest.way}: {error}")
            continue
        if machine.strip() == board.machine:
            return guest
        tried.append(f"{guest.way}: Python says that it runs on {machine.strip() or 'nothing'}")
    raise CheckError(f"{board.debian} programs cannot be run on this machine; {'; '.join(tried)}")
