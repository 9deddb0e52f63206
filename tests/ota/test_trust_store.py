"""What a device trusts survives a power cut at any line, with every write lost that was not made sure of."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ota.errors import UntrustedError
from ota.parts import CHUNK_BYTES
from ota.trust_store import DAMAGED_FILE, TRUST_FILE, Knowledge, TrustStore
from tests.contract.kills import FolderStates, states_at_each_line
from tests.ota.devices import TIMESTAMP, Site, open_site
from tests.ota.fault_server import cut_after, say
from tests.ota.small_repository import FAMILY

OLD = random.Random(1).randbytes(1000)
NEW = random.Random(2).randbytes(CHUNK_BYTES + 100)
KNOWN = Knowledge(
    {"timestamp.json": b'{"a": "\xc3\xa4"}', "root_history/1.root.json": b"{}"},
    {"a": b"b"},
    '"tag"',
    "{}",
    '"t"',
)
SURE_OF_FILES = ("ota.parts", "ota.trusted", "contract.archive", "contract.durable")
"""Where anything is written but what may be lost."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        site.release("1", OLD)
        site.appoint()
        site.assign(1, OLD, version="1")
        yield site


def test_what_was_saved_is_known_again(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    assert store.load() == Knowledge()
    store.save(KNOWN)
    assert TrustStore(tmp_path).load() == KNOWN
    assert (tmp_path / TRUST_FILE).stat().st_mode & 0o777 == 0o600


def test_the_same_again_is_not_written(tmp_path: Path) -> None:
    store = TrustStore(tmp_path)
    store.save(KNOWN)
    number = (tmp_path / TRUST_FILE).stat().st_ino
    store.save(KNOWN)
    assert (tmp_path / TRUST_FILE).stat().st_ino == number


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b"{}", b'{"format": 1, "digest": "", "content": {}}'], ids=len
)
def test_a_damaged_file_is_put_aside_and_the_shipped_root_begins_anew(site: Site, data: bytes) -> None:
    site.refresh()
    (site.settings.folder / TRUST_FILE).write_bytes(data)
    assert site.fetch("1") == OLD
    assert (site.settings.folder / DAMAGED_FILE).read_bytes() == data


def test_any_flipped_bit_is_noticed(site: Site) -> None:
    site.refresh()
    path = site.settings.folder / TRUST_FILE
    data = path.read_bytes()
    path.write_bytes(data.replace(b"timestamp.json", b"timestamp.jsom", 1))
    assert TrustStore(site.settings.folder).load() == Knowledge()


def test_python_tuf_s_own_folder_may_be_lost(site: Site) -> None:
    site.refresh()
    old = site.server.files[TIMESTAMP]
    site.repository.publish("snapshot", "timestamp")
    site.refresh()
    shutil.rmtree(site.settings.folder / "work")
    site.server.files[TIMESTAMP] = old
    with pytest.raises(UntrustedError):
        site.refresh()


def test_leftovers_of_a_power_cut_go_with_the_next_look(site: Site) -> None:
    site.fetch("1")
    for name in (f".{TRUST_FILE}.abc", "fetched/.torn.igb", "work/tmp123"):
        (site.settings.folder / name).write_bytes(b"torn")
    site.fetch("1")
    names = {path.name for path in site.settings.folder.rglob("*")}
    assert not names & {f".{TRUST_FILE}.abc", ".torn.igb", "tmp123"}


def act(site: Site) -> None:
    with site.look() as client:
        client.refresh()
        assignment = client.read_assignment()
        assert assignment is not None
        client.fetch(client.find_assigned(assignment))


def version_of(folder: Path) -> int:
    text = TrustStore(folder).load().metadata["timestamp.json"]
    return int(text.split(b'"version":')[-1].split(b"}")[0].split(b",")[0])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_whatever_line_a_look_is_killed_at_the_store_works_and_never_goes_back(site: Site) -> None:
    act(site)
    site.repository.replace_key("timestamp")
    url = site.release("2", NEW)
    site.repository.publish()
    site.assign(2, NEW)
    site.server.always[url] = cut_after(CHUNK_BYTES)
    least = version_of(site.settings.folder)
    states = FolderStates(site.settings.folder, loses_unsure=True)
    states_at_each_line(lambda: act(site), states, *SURE_OF_FILES)
    for n, state in enumerate(states.found):
        folder = site.folder / f"device-{n}"
        states.lay_out(state, folder)
        site.settings = replace(site.settings, folder=folder)
        assert not (folder / DAMAGED_FILE).exists()
        require_offline(site)
        assert version_of(folder) >= least
        assert all(path.read_bytes() in {OLD, NEW} for path in (folder / "fetched").glob("*.igb"))
        act(site)
        assert [path.read_bytes() for path in (folder / "fetched").iterdir()] == [NEW]
        assert not (folder / DAMAGED_FILE).exists()
        shutil.rmtree(folder)
    assert states.lines > 150 and len(states.found) > 30


def require_offline(site: Site) -> None:
    """What it knew, or what is new: one of both, whole."""
    site.server.always[TIMESTAMP] = say(503, Retry_After="999")
    with site.look() as client:
        assert not client.refresh().is_online
        assert client.find(FAMILY, "1").length == len(OLD)
    del site.server.always[TIMESTAMP]
