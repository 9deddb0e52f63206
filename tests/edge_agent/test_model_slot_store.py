from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BundleError, StateError
from edge_agent.slot_disk import Disk
from edge_agent.slot_rules import Event, Failed, Offered, Passed, step
from edge_agent.slot_state import Offer, Reason, Release, Slot, SlotState
from edge_agent.slot_store import SlotStore, format_state, parse_state, read_release

DATA = b"a bundle"
FACTORY = Release("pump", "1", "f" * 64, 10)
RELEASE = Release("pump", "2", "0" * 64, len(DATA))
FRESH = SlotState({Slot.FACTORY: FACTORY})

happenings = st.lists(
    st.one_of(
        st.builds(Offered, st.builds(Offer, st.just(RELEASE), st.text(), st.integers(1, 9))),
        st.just(Passed()),
        st.builds(Failed, st.sampled_from(Reason), st.text()),
    ),
    max_size=12,
)


@pytest.fixture
def store(tmp_path: Path) -> SlotStore:
    return SlotStore(tmp_path / "model", Disk())


def release_of(data: bytes) -> Release:

    return Release("pump", "2", hashlib.sha256(data).hexdigest(), len(data))


@given(happenings, st.floats(0, 1e10))
def test_every_state_is_read_back_as_it_was(happened: list[Event], now_s: float) -> None:
    state = FRESH
    for event in happened:
        state, _ = step(state, event, now_s)
        assert parse_state(json.loads(json.dumps(format_state(state)))) == state


def test_what_was_saved_is_loaded(store: SlotStore) -> None:
    state = dataclasses.replace(FRESH, since_s=5.0)
    store.save(state)
    assert store.load(RELEASE) == store.peek() == state
    assert [path.name for path in store.folder.iterdir()] == ["record.json"]


def test_without_a_record_the_factorys_is_in_charge_and_nothing_is_written(store: SlotStore) -> None:
    assert store.peek() is None and store.load(FACTORY) == FRESH
    assert not store.folder.exists()


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff", b"[]", b"{}", b'{"format": 1, "content": {}}'])
def test_a_damaged_record_is_kept_aside_and_the_factorys_is_in_charge(
    store: SlotStore, garbage: bytes
) -> None:
    store.folder.mkdir()
    (store.folder / "record.json").write_bytes(garbage)
    with pytest.raises(StateError, match=r"record\.json"):
        store.peek()
    assert store.load(FACTORY) == FRESH
    (kept,) = store.folder.iterdir()
    assert ".damaged-" in kept.name and kept.read_bytes() == garbage


def test_a_record_from_before_assignments_had_numbers_is_read() -> None:
    state, _ = step(FRESH, Offered(Offer(RELEASE, "/tmp/x", 3, "r1")), 1.0)
    content = json.loads(json.dumps(format_state(state)))
    del content["rollout"], content["offer"]["rollout"]
    del content["outcome"]["attempt"], content["outcome"]["rollout"]
    read = parse_state(content)
    assert read == dataclasses.replace(state, offer=Offer(RELEASE, "/tmp/x", 3))
    assert (read.report().attempt, read.report().rollout) == (3, "")


def test_any_flipped_letter_of_a_record_is_noticed(store: SlotStore) -> None:
    store.save(FRESH)
    path = store.folder / "record.json"
    path.write_text(path.read_text().replace('"pump"', '"pimp"'))
    with pytest.raises(StateError, match="digest"):
        store.peek()


def test_a_file_is_what_was_signed_or_an_error(tmp_path: Path) -> None:
    path, release = tmp_path / "x", release_of(DATA)
    with pytest.raises(BundleError, match="cannot be read"):
        read_release(path, release)
    path.write_bytes(DATA)
    assert read_release(path, release) == DATA
    for wrong in (DATA[:-1], DATA + b"x", DATA.upper(), b""):
        path.write_bytes(wrong)
        with pytest.raises(BundleError, match="not what was signed"):
            read_release(path, release)


def test_staging_needs_what_was_handed_over_only_once(store: SlotStore, tmp_path: Path) -> None:
    source, release = tmp_path / "x", release_of(DATA)
    source.write_bytes(DATA)
    store.folder.mkdir()
    store.stage(Offer(release, str(source)), Slot.A)
    source.unlink()
    store.stage(Offer(release, str(source)), Slot.A)
    assert store.read(Slot.A, release) == DATA
    with pytest.raises(BundleError, match="cannot be read"):
        store.stage(Offer(release, str(source)), Slot.B)


def test_cleaning_up_leaves_what_is_held_and_what_was_set_aside(store: SlotStore) -> None:
    store.folder.mkdir()
    kept = {"record.json", "a.igb", "a.json", "record.json.damaged-1"}
    for name in kept | {"b.igb", "b.json", "b.igb.new", "record.json.new"}:
        (store.folder / name).write_bytes(b"")
    store.clean_up(SlotState({Slot.FACTORY: FACTORY, Slot.A: RELEASE}, in_charge=Slot.A))
    assert {path.name for path in store.folder.iterdir()} == kept


def test_a_request_names_what_is_to_be_taken_back(store: SlotStore) -> None:
    assert store.requested() is None
    store.request_take_back("abc")
    assert store.requested() == "abc"
    store.drop_request()
    assert store.requested() is None
