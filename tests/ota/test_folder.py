from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ota.errors import RepositoryError
from ota.folder import RepositoryFolder


@pytest.fixture
def folder(tmp_path: Path) -> RepositoryFolder:
    made = RepositoryFolder(tmp_path)
    with made.writing():
        pass
    return made


def test_versions_are_listed_newest_first_and_strangers_are_not(folder: RepositoryFolder) -> None:
    for version in (1, 2, 10):
        folder.write_metadata("family-pump", version, b"{}")
    folder.write_metadata("root", 1, b"{}")
    for name in ("0.root.json", "x.root.json", "root.json", "3.Root.json", ".2.root.json.abcdefgh"):
        (folder.path / "metadata" / name).write_bytes(b"{}")
    assert folder.versions() == {"family-pump": [10, 2, 1], "root": [1]}


def test_one_writer_at_a_time(folder: RepositoryFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ota.folder.LOCK_WAIT_S", 0.0)
    with folder.writing(), pytest.raises(RepositoryError, match="another process holds"), folder.writing():
        pass


def test_a_target_that_was_changed_is_not_handed_out(folder: RepositoryFolder) -> None:
    digest = folder.write_target("pump/1/model.igb", b"bundle")
    assert digest == hashlib.sha256(b"bundle").hexdigest()
    assert folder.read_target("pump/1/model.igb", digest) == b"bundle"
    (folder.path / "targets/pump/1" / f"{digest}.model.igb").write_bytes(b"bungle")
    with pytest.raises(RepositoryError, match="was changed after it was published"):
        folder.read_target("pump/1/model.igb", digest)
    folder.write_target("pump/1/model.igb", b"bundle")
    assert folder.read_target("pump/1/model.igb", digest) == b"bundle"


def test_sweeping_leaves_what_is_needed_and_what_is_not_ours(folder: RepositoryFolder) -> None:
    for version in (1, 2):
        folder.write_metadata("targets", version, b"{}")
    folder.write_timestamp(b"{}")
    kept, gone = (folder.write_target(f"pump/{n}/model.igb", bytes([n])) for n in (1, 2))
    for name in ("metadata/index.html", "targets/index.html", "targets/.htaccess"):
        (folder.path / name).write_text("the web server's")
    for name in ("metadata/.3.targets.json.ab_d3fgh", "targets/pump/1/.x.model.igb.abcdefgh"):
        (folder.path / name).write_text("half of")
    folder.sweep([("targets", 2)], [("pump/1/model.igb", kept)])
    left = {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}
    assert left == {
        "lock",
        "metadata/2.targets.json",
        "metadata/index.html",
        "metadata/timestamp.json",
        f"targets/pump/1/{kept}.model.igb",
        "targets/index.html",
        "targets/.htaccess",
    }
    assert gone not in str(left)
    assert not (folder.path / "targets/pump/2").exists()


def test_only_the_proposals_given_are_kept(folder: RepositoryFolder) -> None:
    folder.write_proposals({"root": b"1", "targets": b"2"})
    folder.write_proposals({"targets": b"2"})
    assert folder.read_proposals() == {"targets": b"2"}


def test_before_there_is_a_folder_there_is_nothing(tmp_path: Path) -> None:
    folder = RepositoryFolder(tmp_path / "none")
    assert (folder.read_proposals(), folder.read_timestamp()) == ({}, None)
    with pytest.raises(RepositoryError, match="cannot be read"):
        folder.read_metadata("root", 1)
