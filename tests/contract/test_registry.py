"""Versions never change, the history is the only truth, and a kill at any line costs nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract import registry as module
from contract.durable import exclusive
from contract.errors import RegistryError
from contract.registry import Act, ModelKind, ModelLine, Note, Papers, Published, Registry
from tests.conftest import PROJECT_ROOT
from tests.contract.kills import killed_at_each_line

PUMP = ModelLine("pump")
NOTE = Note("the pipeline", "run 7 was blessed")
BLESSED = Papers("# Pump\n", True, {"rmse": [12.5, 11.0]}, {"snapshot": "s1"})
DOUBTED = Papers("# Pump\n", False)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUBLISH_MANY = """
import sys
from pathlib import Path
from contract.registry import ModelLine, Note, Papers, Registry
registry = Registry(Path(sys.argv[1]))
for n in range(int(sys.argv[3])):
    line, note = ModelLine("pump"), Note(sys.argv[2], "a race")
    version = registry.publish(line, f"{sys.argv[2]} {n}".encode(), Papers("", True), note)
    registry.promote(line, version, note)
"""


class Clock:
    """Tells a minute more each time."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry", Clock())


def in_charge(registry: Registry, line: ModelLine = PUMP) -> str | None:
    champion = registry.champion(line)
    return champion.version if champion else None


def test_a_registry_that_is_not_there_is_empty(registry: Registry, tmp_path: Path) -> None:
    assert registry.champion(PUMP) is None
    assert (registry.versions(PUMP), registry.history(PUMP), registry.lines()) == ((), (), ())
    assert list(tmp_path.iterdir()) == []


def test_a_version_keeps_what_it_was_published_with(registry: Registry) -> None:
    version = registry.publish(PUMP, b"model one", BLESSED, NOTE)
    assert version.startswith("1-")
    published = registry.version(PUMP, version)
    assert published.read_bundle() == b"model one"
    assert published.papers == BLESSED
    assert published.bundle_path.name == "model.igr"
    assert registry.versions(PUMP) == (published,)
    assert registry.champion(PUMP) is None  # published is not promoted


def test_a_bundle_is_taken_from_a_file_too(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "m.igr").write_bytes(b"model one")
    version = registry.publish(PUMP, tmp_path / "m.igr", BLESSED, NOTE)
    assert version == registry.publish(PUMP, b"model one", BLESSED, NOTE)
    with pytest.raises(RegistryError, match=r"none\.igr cannot be read"):
        registry.publish(PUMP, tmp_path / "none.igr", BLESSED, NOTE)


def test_the_same_bytes_are_one_version(registry: Registry) -> None:
    first = registry.publish(PUMP, b"one", BLESSED, NOTE)
    second = registry.publish(PUMP, b"two", BLESSED, NOTE)
    assert registry.publish(PUMP, b"one", DOUBTED, NOTE) == first != second
    assert registry.version(PUMP, first).papers == BLESSED
    assert [entry.version for entry in registry.history(PUMP)] == [first, second]


def test_promotion_and_roll_back_are_one_line_each(registry: Registry) -> None:
    one, two, three = (registry.publish(PUMP, name, BLESSED, NOTE) for name in (b"1", b"2", b"3"))
    for version in (one, two, three, three):
        registry.promote(PUMP, version, NOTE)
    assert in_charge(registry) == three
    assert registry.roll_back(PUMP, Note("Jon", "false alarms on line 2")) == two
    assert registry.roll_back(PUMP, NOTE) == one == in_charge(registry)
    with pytest.raises(RegistryError, match="no earlier champion"):
        registry.roll_back(PUMP, NOTE)
    registry.promote(PUMP, three, NOTE)
    assert registry.roll_back(PUMP, NOTE) == one

    entries = registry.history(PUMP)
    assert [entry.act for entry in entries] == [Act.PUBLISHED] * 3 + [Act.PROMOTED] * 3 + [
        Act.ROLLED_BACK
    ] * 2 + [Act.PROMOTED, Act.ROLLED_BACK]
    assert entries[6].note == Note("Jon", "false alarms on line 2")
    assert entries[6].version == two
    assert [e.time for e in entries] == [START + timedelta(minutes=n + 1) for n in range(len(entries))]


def test_what_was_not_blessed_never_is_in_charge(registry: Registry) -> None:
    version = registry.publish(PUMP, b"bad", DOUBTED, NOTE)
    with pytest.raises(RegistryError, match="not blessed"):
        registry.promote(PUMP, version, NOTE)
    assert registry.champion(PUMP) is None


def test_kinds_and_machine_types_do_not_meet(registry: Registry) -> None:
    edge, fan = ModelLine("pump", ModelKind.EDGE), ModelLine("fan")
    for line in (PUMP, edge, fan):
        registry.promote(line, registry.publish(line, b"same bytes", BLESSED, NOTE), NOTE)
    assert registry.lines() == (fan, PUMP, edge)
    champion = registry.champion(edge)
    assert champion is not None and champion.bundle_path.name == "model.igb"
    registry.promote(edge, registry.publish(edge, b"more", BLESSED, NOTE), NOTE)
    assert in_charge(registry) == "1-" + in_charge(registry, fan)[2:]  # type: ignore[index]
    assert str(in_charge(registry, edge)).startswith("2-")


@pytest.mark.parametrize("version", ["", "1-abc", "../../etc", "9-" + "0" * 12])
def test_an_unknown_version_is_refused(registry: Registry, version: str) -> None:
    registry.publish(PUMP, b"one", BLESSED, NOTE)
    for ask in (lambda: registry.promote(PUMP, version, NOTE), lambda: registry.version(PUMP, version)):
        with pytest.raises(RegistryError, match="has no version"):
            ask()


@pytest.mark.parametrize("name", ["", "../x", "Pump", "a" * 41, "pump 2", "-pump"])
def test_a_machine_type_is_a_name(name: str) -> None:
    with pytest.raises(RegistryError, match="machine type"):
        ModelLine(name)


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", " "), ("x" * 501, "x")])
def test_who_and_why_are_said(who: str, why: str) -> None:
    with pytest.raises(RegistryError, match="characters"):
        Note(who, why)


def test_what_cannot_be_published_leaves_nothing(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="plain JSON"):
        registry.publish(PUMP, b"one", Papers("", True, {"x": float("nan")}), NOTE)
    with pytest.raises(RegistryError, match="empty"):
        registry.publish(PUMP, b"", BLESSED, NOTE)
    assert registry.lines() == ()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RegistryError, match="cannot be written") as caught:
        Registry(tmp_path / "file").publish(PUMP, b"one", BLESSED, NOTE)
    assert "\n" not in str(caught.value)


def test_another_writer_is_waited_for_and_then_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish(PUMP, b"one", BLESSED, NOTE)
    monkeypatch.setattr(module, "LOCK_WAIT_S", 0.05)
    home = registry.version(PUMP, in_only(registry)).folder
    with exclusive(home.parents[3] / "lock", 0.0):
        with pytest.raises(RegistryError, match="another process holds"):
            registry.publish(PUMP, b"two", BLESSED, NOTE)
        assert len(registry.versions(PUMP)) == 1  # readers never wait


def in_only(registry: Registry) -> str:
    (published,) = registry.versions(PUMP)
    return published.version


class TestDamage:
    def only(self, registry: Registry) -> Published:
        registry.promote(PUMP, registry.publish(PUMP, b"model one", BLESSED, NOTE), NOTE)
        (published,) = registry.versions(PUMP)
        return published

    def test_a_changed_bundle_is_found(self, registry: Registry) -> None:
        published = self.only(registry)
        published.bundle_path.write_bytes(b"model two")
        with pytest.raises(RegistryError, match="changed after it was published"):
            published.read_bundle()
        published.bundle_path.unlink()
        with pytest.raises(RegistryError, match="cannot be read"):
            published.read_bundle()

    @pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"is_blessed": true}', b'{"is_blessed": "no"}'])
    def test_a_changed_record_is_found(self, registry: Registry, record: bytes) -> None:
        published = self.only(registry)
        (published.folder / "record.json").write_bytes(record)
        with pytest.raises(RegistryError, match="damaged"):
            registry.champion(PUMP)

    @pytest.mark.parametrize("line", [b"", b"[]", b"{}", b"nonsense", b"\xff", b'{"act": "promoted"}'])
    def test_a_damaged_history_says_where(self, registry: Registry, line: bytes) -> None:
        published = self.only(registry)
        with (published.folder.parents[1] / "history.jsonl").open("ab") as history:
            history.write(line + b"\n")
        with pytest.raises(RegistryError, match=r"history\.jsonl:3 is damaged"):
            registry.champion(PUMP)

    def test_a_roll_back_of_nothing_is_damage(self, registry: Registry) -> None:
        published = self.only(registry)
        history = published.folder.parents[1] / "history.jsonl"
        content = json.loads(history.read_bytes().splitlines()[1]) | {"act": "rolled_back"}
        history.write_text(json.dumps(content) + "\n")
        with pytest.raises(RegistryError, match="damaged"):
            registry.champion(PUMP)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A registry with two champions, to be copied."""
    registry = Registry(tmp_path / "base")
    for name in (b"1", b"2"):
        registry.promote(PUMP, registry.publish(PUMP, name, BLESSED, NOTE), NOTE)
    return tmp_path / "base"


@pytest.mark.slow
def test_a_kill_at_any_line_of_publishing_costs_nothing(base: Path, tmp_path: Path) -> None:
    def work(n: int) -> None:
        registry = Registry(shutil.copytree(base, tmp_path / str(n)))
        registry.promote(PUMP, registry.publish(PUMP, b"new", BLESSED, NOTE), NOTE)

    counts = set()
    for n in killed_at_each_line(work, "contract.durable"):
        registry = Registry(tmp_path / str(n))
        counts.add((len(registry.versions(PUMP)), read_champion(registry)))
        assert_writable(registry)
    assert n > 60
    assert counts == {(2, b"2"), (3, b"2"), (3, b"new")}


def read_champion(registry: Registry) -> bytes:
    champion = registry.champion(PUMP)
    assert champion in registry.versions(PUMP)
    return champion.read_bundle()


def assert_writable(registry: Registry) -> None:
    """The next writer goes on, and nothing unfinished is left."""
    version = registry.publish(PUMP, b"next", BLESSED, NOTE)
    home = registry.version(PUMP, version).folder.parent
    versions = [each.version for each in registry.versions(PUMP)]
    assert sorted(folder.name for folder in home.iterdir()) == sorted(versions)
    assert [int(each.partition("-")[0]) for each in versions] == list(range(1, len(versions) + 1))


def test_a_kill_at_any_line_of_a_roll_back_costs_nothing(base: Path, tmp_path: Path) -> None:
    def work(n: int) -> None:
        Registry(shutil.copytree(base, tmp_path / str(n))).roll_back(PUMP, NOTE)

    found = [
        read_champion(Registry(tmp_path / str(n))) for n in killed_at_each_line(work, "contract.durable")
    ]
    assert len(found) > 30
    assert found == sorted(found, reverse=True)
    assert set(found) == {b"1", b"2"}


def test_two_publishers_at_once_lose_nothing(tmp_path: Path) -> None:
    n = 8
    line = [sys.executable, "-c", PUBLISH_MANY, str(tmp_path)]
    racers = [subprocess.Popen([*line, name, str(n)], cwd=PROJECT_ROOT) for name in ("a", "b")]
    assert [racer.wait(60) for racer in racers] == [0, 0]
    registry = Registry(tmp_path)
    published = registry.versions(PUMP)
    assert [int(each.version.partition("-")[0]) for each in published] == list(range(1, 2 * n + 1))
    assert {each.read_bundle() for each in published} == {f"{r} {i}".encode() for r in "ab" for i in range(n)}
    assert sum(entry.act is Act.PROMOTED for entry in registry.history(PUMP)) == 2 * n


class RegistryMachine(RuleBasedStateMachine):
    """Any acts in any order come to what a list of champions says."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        self.registry = Registry(Path(self._folder.name))
        self.blessed: dict[str, bool] = {}
        self.reign: list[str] = []

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(content=st.integers(0, 5), is_blessed=st.booleans())
    def publish(self, content: int, is_blessed: bool) -> None:
        papers = BLESSED if is_blessed else DOUBTED
        version = self.registry.publish(PUMP, b"%d" % content, papers, NOTE)
        self.blessed.setdefault(version, is_blessed)

    @precondition(lambda self: self.blessed)
    @rule(data=st.data())
    def promote(self, data: Any) -> None:
        version = data.draw(st.sampled_from(sorted(self.blessed)))
        if not self.blessed[version]:
            with pytest.raises(RegistryError):
                self.registry.promote(PUMP, version, NOTE)
            return
        self.registry.promote(PUMP, version, NOTE)
        if self.reign[-1:] != [version]:
            self.reign.append(version)

    @rule()
    def roll_back(self) -> None:
        if len(self.reign) < 2:
            with pytest.raises(RegistryError):
                self.registry.roll_back(PUMP, NOTE)
            return
        self.reign.pop()
        assert self.registry.roll_back(PUMP, NOTE) == self.reign[-1]

    @invariant()
    def one_is_in_charge(self) -> None:
        assert in_charge(self.registry) == (self.reign[-1] if self.reign else None)
        assert {each.version for each in self.registry.versions(PUMP)} == set(self.blessed)


TestAnyOrder = RegistryMachine.TestCase
TestAnyOrder.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
