"""The command that the public conformance tests call: what it prints, keeps and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ota.layout import bundle_target
from tests.ota.devices import Site, open_site
from tests.ota.small_repository import FAMILY
from tools.tuf_client import main

NAME = bundle_target(FAMILY, "1")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        site.release("1", b"bundle")
        site.repository.now = site.repository.now.replace(year=2099)  # the command asks the real clock
        site.repository.publish()
        (tmp_path / "metadata").mkdir()
        (tmp_path / "targets").mkdir()
        (tmp_path / "root.json").write_bytes(site.repository.first_root)
        assert run(site, "init", str(tmp_path / "root.json")) == 0
        yield site


def run(site: Site, *command: str) -> int:
    metadata, targets = str(site.folder / "metadata"), str(site.folder / "targets")
    where = ("--metadata-dir", metadata, "--metadata-url", f"{site.server.url}/metadata")
    what = ("--target-name", NAME, "--target-dir", targets, "--target-base-url", f"{site.server.url}/targets")
    return main([*where, *what, *command])


def test_what_is_trusted_is_shown_by_role(site: Site) -> None:
    assert run(site, "refresh") == 0
    shown = {path.name for path in (site.folder / "metadata").glob("*.json")}
    assert shown == {"root.json", "timestamp.json", "snapshot.json", "targets.json"}
    assert (site.folder / "metadata" / "root.json").read_bytes() == site.server.files["/metadata/2.root.json"]


def test_a_target_is_fetched_once(site: Site) -> None:
    assert run(site, "download") == 0
    n_asked = len(site.server.served)
    (path,) = (site.folder / "targets").iterdir()
    assert path.read_bytes() == b"bundle"
    assert run(site, "download") == 0
    assert [each for each in site.server.served[n_asked:] if "/targets/" in each.path] == []


def test_what_is_refused_is_said_in_one_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.server.files["/metadata/timestamp.json"] = b"{}"
    assert run(site, "refresh") == 1
    said = capsys.readouterr().err
    assert said.startswith("UntrustedError: ") and said.count("\n") == 1
