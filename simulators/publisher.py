"""The demo's own plant of releases: keys, a repository with two versions, and a web server for it.

Rule: made by the commands that a plant uses (`industrialguard ota`), in the order of docs/releases.md. All
keys lie in one folder here, which no plant should do. What is there already is served and not made again.

Run as `python -m simulators.publisher FOLDER PORT FAMILY [SPOIL]`; becomes the web server when all is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NoReturn

from contract.bundle import Bundle, format_bundle, load_bundle, read_bundle
from contract.errors import IndustrialGuardError
from simulators.spoil import Spoil, spoil

HOST = "127.0.0.1"
ONLINE = ("snapshot", "timestamp")


class PublisherError(IndustrialGuardError):
    """A release of the demo was not published."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where everything is, below one folder."""

    folder: Path

    @property
    def repository(self) -> Path:
        """What the web server serves."""
        return self.folder / "repository"

    @property
    def root(self) -> Path:
        """What devices are born with."""
        return self.repository / "metadata" / "1.root.json"

    @property
    def keys(self) -> Path:
        """All of them."""
        return self.folder / "keys"

    @property
    def director_key(self) -> str:
        """Signs assignments."""
        return f"file:{self.keys / 'director.pem'}"

    @property
    def listing(self) -> Path:
        """The two versions; there once both are published."""
        return self.folder / "releases.json"

    def read(self) -> tuple[str, str]:
        """The version that machines are born with, and the new one."""
        old, new = json.loads(self.listing.read_text("utf-8"))
        return old, new


def improved_path(family: str) -> Path:
    """The improved model of a family that comes with the demo; not every family has one."""
    return Path(str(resources.files("simulators") / "data" / "releases" / f"{family}.igb"))


def publish_both(shelf: Shelf, family: str, how: Spoil | None) -> None:
    """Make keys and repository, publish the shipped version and then the new one.

    Raises:
        PublisherError: a command did not end well.
        IndustrialGuardError: a bundle is damaged, or not fit for devices.
    """
    from simulators.papers import write_papers

    for made in (shelf.repository, shelf.keys):
        shutil.rmtree(made, ignore_errors=True)
    _set_up(shelf, family)
    old, new = load_bundle(family), read_bundle(improved_path(family))
    old_papers, papers = write_papers(old), write_papers(new)
    if how is not None:  # somebody got it past the gates: its papers are the good one's
        new = spoil(new, how)
        papers = papers | {"sha256": hashlib.sha256(format_bundle(new)).hexdigest()}
    versions = [_publish(shelf, old, old_papers), _publish(shelf, new, papers)]
    aside = shelf.listing.with_suffix(".part")
    aside.write_text(json.dumps(versions), "utf-8")
    aside.replace(shelf.listing)


def _set_up(shelf: Shelf, family: str) -> None:
    key = shelf.keys / f"{family}.pem"
    _ota("init", "--repository", str(shelf.repository), "--make-keys", str(shelf.keys))
    _ota("make-key", str(key))
    delegate = ("delegate", family, "--repository", str(shelf.repository), "--add", f"{key}.pub")
    _ota(*delegate, *_keys(shelf, "targets", family, *ONLINE))


def _publish(shelf: Shelf, bundle: Bundle, papers: dict[str, object]) -> str:
    family, version = bundle.profile.name, bundle.manifest.version
    home = shelf.folder / "models" / version
    home.mkdir(parents=True, exist_ok=True)
    model, record = home / "model.igb", home / "record.json"
    model.write_bytes(format_bundle(bundle))
    record.write_text(json.dumps(papers, indent=1), "utf-8")
    files = ("--bundle", str(model), "--papers", str(record), "--version", version)
    publish = ("publish", family, "--repository", str(shelf.repository), *files)
    _ota(*publish, *_keys(shelf, family, *ONLINE))
    return version


def _keys(shelf: Shelf, *names: str) -> list[str]:
    return [part for name in names for part in ("--key", f"file:{shelf.keys / name}.pem")]


def _ota(*arguments: str) -> None:
    from ota.__main__ import main as run

    print("$ industrialguard ota", *arguments, flush=True)
    if code := run(arguments):
        raise PublisherError(f"industrialguard ota {arguments[0]} ended with code {code}")


def main(argv: Sequence[str] | None = None) -> int:
    """Publish, where that was not done, and serve; returns only where publishing failed."""
    folder, port, family, *how = sys.argv[1:] if argv is None else argv
    shelf = Shelf(Path(folder))
    try:
        if not shelf.listing.exists():
            publish_both(shelf, family, Spoil(how[0]) if how else None)
        _become_web_server(port, shelf.repository)
    except IndustrialGuardError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _become_web_server(port: str, folder: Path) -> NoReturn:
    where = ("--bind", HOST, "--directory", str(folder))
    os.execv(sys.executable, (sys.executable, "-m", "http.server", port, *where))  # noqa: S606 - our own list


if __name__ == "__main__":
    sys.exit(main())
