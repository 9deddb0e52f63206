"""A release is what the repository's signatures say, now."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.catalogue import Catalogue
from contract.errors import ConfigError
from ota.errors import DownloadError, RolloutError, UntrustedError
from tests.cloud.listed_releases import Listed, bundle, open_listed, ref
from tests.cloud.release_samples import NEW, OLD, plan
from tests.ota.devices import TIMESTAMP
from tests.ota.fault_server import say
from tests.ota.small_repository import new_keys


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Listed]:
    with open_listed(tmp_path) as opened:
        yield opened


def test_it_finds_what_is_signed_and_looks_again_each_time(listed: Listed) -> None:
    catalogue = listed.catalogue()
    assert catalogue.find("pump", NEW.version, OLD.version) == [ref(NEW.version), ref(OLD.version)]
    listed.add("8-cccccccccccc")
    assert catalogue.find("pump", "8-cccccccccccc") == [ref("8-cccccccccccc")]


def test_a_folder_is_looked_up_in_as_a_web_server_is(listed: Listed, tmp_path: Path) -> None:
    folder = listed.write(tmp_path / "copy")
    assert listed.catalogue(str(folder)).find("pump", NEW.version) == [ref(NEW.version)]


def test_what_is_not_listed_is_refused_with_what_is(listed: Listed) -> None:
    catalogue = listed.catalogue()
    with pytest.raises(RolloutError, match=f"pump 9-x, or not any more; choose one of {OLD.version}, 7-"):
        catalogue.find("pump", "9-x")
    catalogue.find("pump", OLD.version)
    listed.remove(OLD.version)
    with pytest.raises(RolloutError, match=f"or not any more; choose one of {NEW.version}$"):
        catalogue.find("pump", OLD.version)
    with pytest.raises(RolloutError, match="lists nothing of fan"):
        catalogue.find("fan", "1-a")


def test_a_plan_holds_as_long_as_every_byte_of_it_is_listed(listed: Listed) -> None:
    catalogue = listed.catalogue()
    good = plan(release=ref(NEW.version), back_to=ref(OLD.version))
    catalogue.require_listed(good)
    with pytest.raises(RolloutError, match="other bytes"):
        catalogue.require_listed(replace(good, back_to=replace(ref(OLD.version), sha256="c" * 64)))
    listed.add(NEW.version, data=bundle("another"))
    with pytest.raises(RolloutError, match="other bytes"):
        catalogue.require_listed(good)


def test_a_repository_that_does_not_answer_is_not_remembered_instead(listed: Listed) -> None:
    catalogue = listed.catalogue()
    catalogue.find("pump", NEW.version)
    listed.server.always[TIMESTAMP] = say(503)
    with pytest.raises(DownloadError, match="cannot be reached"):
        catalogue.find("pump", NEW.version)


def test_whoever_signs_with_other_keys_is_not_believed(listed: Listed) -> None:
    catalogue = listed.catalogue()
    listed.repository.keys["timestamp"] = new_keys()
    listed.repository.publish("timestamp")
    with pytest.raises(UntrustedError):
        catalogue.find("pump", NEW.version)


def test_several_may_ask_at_once(listed: Listed) -> None:
    catalogue = listed.catalogue()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: catalogue.find("pump", NEW.version), range(8)))
    assert found == [[ref(NEW.version)]] * 8


def test_a_root_that_is_not_there_is_refused_at_the_start(listed: Listed, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"1\.root\.json"):
        Catalogue(replace(listed.settings(), root=tmp_path / "nothing"), tmp_path)
    with pytest.raises(ConfigError, match="https://"):
        listed.catalogue("ftp://updates.plant")
