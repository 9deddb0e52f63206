"""The commands of the plant: a list, a mapping, one line of what was done."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.__main__ import main
from cloud.settings import sqlite_url
from cloud.store.database import open_database
from cloud.store.writer import StoreWriter
from tests.cloud.samples import arrive, birth
from tests.cloud.test_main import quiet_logs  # noqa: F401 - a fixture

LIST = """\
tag,site,area,line,name,kind,criticality,device
P-101,north,packing,L1,Feed pump,PU,high,press-1
P-102,south,,,,,,
"""
Out = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A cloud's data folder with two machines."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(sqlite_url(folder / "store.db"))
    StoreWriter(database).write(arrive(birth("press-1"), birth("press-2")))
    database.close()
    return folder


def run(data: Path, *arguments: str) -> int:
    return main(["assets", *arguments, "--data", str(data)])


def take(data: Path, text: str, *arguments: str) -> int:
    path = data / "plant.csv"
    path.write_text(text)
    return run(data, "import", str(path), *arguments)


def test_from_a_list_to_a_mapped_plant(data: Path, capsys: Out) -> None:
    assert take(data, LIST, "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "add     P-101 in north / packing / L1",
        "add     P-102 in south",
        "2 would be added, 0 would be changed, 0 as before",
    ]
    assert take(data, LIST) == 0 and take(data, LIST) == 0
    said = capsys.readouterr().out
    assert "2 added, 0 changed, 0 as before" in said and "nothing changed: 2 assets" in said
    assert run(data, "unmapped") == 0
    shown = capsys.readouterr()
    assert shown.out == "press-2\n" and "1 devices are mapped to no machine" in shown.err
    assert run(data, "map", "P-102", "press-2") == 0
    assert run(data, "list", "--site", "south") == 0
    said = capsys.readouterr().out
    assert "P-102 is watched by press-2" in said and "1 assets, 0 that nothing watches" in said
    assert run(data, "map", "P-102", "--nothing") == 0
    assert "watched by nothing" in capsys.readouterr().out


def test_what_cannot_be_says_so_and_changes_nothing(data: Path, capsys: Out) -> None:
    assert take(data, LIST + "P 3,north,,,,,,\n") == 3
    said = capsys.readouterr().err
    assert "plant.csv, line 4: tag 'P 3'" in said and "nothing was changed: 1 line cannot be right" in said
    assert run(data, "list") == 0 and capsys.readouterr().out.startswith("0 assets")
    assert run(data, "map", "P-9", "press-1") == 1 and "no asset 'P-9'" in capsys.readouterr().err
    assert run(data, "import", str(data / "none.csv")) == 3 and "cannot be read" in capsys.readouterr().err
