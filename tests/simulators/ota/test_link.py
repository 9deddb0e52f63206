"""Requests over a simulated link, as the real client makes them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ota.errors import DownloadError, TooSlowError
from ota.fetcher import Limits, WebFetcher
from ota.parts import PartFolder
from simulators.ota.disk import ForgetfulDisk
from simulators.ota.link import FolderServer, Link, LinkedWeb, Patience, Reply, Watch

FILE = bytes(range(256)) * 800
USUAL = Limits()
URL = "https://updates.example/targets/file"


class Api:
    """Answers what it was asked."""

    def reply(self, path: str, tag: str) -> Reply:
        return Reply(200, f"{path} {tag}".encode())


class Site:
    """A server, one link and the real fetcher."""

    def __init__(self, folder: Path, link: Link, seed: int = 1, limits: Limits = USUAL) -> None:
        self.files = folder / "served"
        (self.files / "targets").mkdir(parents=True)
        (self.files / "targets" / "file").write_bytes(FILE)
        self.link, self.watch = link, Watch()
        disk = ForgetfulDisk(folder / "device", Random(seed))
        web = LinkedWeb(FolderServer(self.files, Api()), link, self.watch, disk, Random(seed))
        self.parts = PartFolder(folder / "parts")
        patience = Patience(self.watch)
        self.fetcher = WebFetcher(web, self.parts, limits, patience, clock=self.watch.read)

    def fetch(self) -> bytes:
        with self.fetcher.download_file(URL, len(FILE)) as file:
            return file.read()


def good() -> Link:
    return Link(0.0, 100_000.0, 0.1)


def test_a_whole_file_takes_its_time(tmp_path: Path) -> None:
    site = Site(tmp_path, good())
    assert site.fetch() == FILE
    assert site.watch.passed_s == pytest.approx(0.1 + len(FILE) / 100_000.0)
    assert site.link.traffic.body_bytes == len(FILE)


@pytest.mark.parametrize("seed", range(8))
def test_what_breaks_off_goes_on_where_it_was_cut(tmp_path: Path, seed: int) -> None:
    site = Site(tmp_path, Link(0.5, 100_000.0, 0.1), seed, Limits(attempts=50))
    assert site.fetch() == FILE
    traffic = site.link.traffic
    assert traffic.body_bytes == len(FILE), "not a byte came twice"
    assert traffic.cut == 0 or traffic.resumed > 0
    assert traffic.requests == traffic.failed + traffic.cut + 1


def test_the_rest_of_another_file_is_not_taken(tmp_path: Path) -> None:
    site = Site(tmp_path, good())
    part = site.parts.open(URL)
    part.restart('"another"')
    part.write(bytes(100_000))
    part.close(is_wanted=True)
    assert site.fetch() == FILE
    assert site.link.traffic.resumed == 0


def test_a_small_file_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    site = Site(tmp_path, good())
    (site.files / "metadata.json").write_bytes(b"{}")
    url = "https://updates.example/metadata.json"
    assert site.fetcher.download_bytes(url, 100) == b"{}"
    assert site.fetcher.download_bytes(url, 100) == b"{}"
    assert site.link.traffic.body_bytes == 2
    (site.files / "metadata.json").write_bytes(b"[0]")
    assert site.fetcher.download_bytes(url, 100) == b"[0]"


def test_a_link_that_crawls_is_given_up(tmp_path: Path) -> None:
    site = Site(tmp_path, Link(0.0, 150.0, 0.1))
    with pytest.raises(TooSlowError):
        site.fetch()


def test_without_a_connection_all_attempts_fail_in_the_devices_time(tmp_path: Path) -> None:
    site = Site(tmp_path, Link(0.0, 1e5, 0.1, is_up=False))
    with pytest.raises(DownloadError):
        site.fetch()
    assert site.link.traffic.failed == USUAL.attempts
    assert site.watch.passed_s > 0.5


def test_the_api_answers_by_itself(tmp_path: Path) -> None:
    site = Site(tmp_path, good())
    url = "https://updates.example/api/v1/devices/pump-1/assignment"
    assert site.fetcher.download_bytes(url, 100) == b"api/v1/devices/pump-1/assignment "
