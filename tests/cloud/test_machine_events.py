"""A maintenance log is taken over whole, or refused whole with the line that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.machine_events import MAX_COMPONENT, MachineEvent, codes_of, components_of, read_events
from contract.errors import DataError
from contract.life_log import LogKind
from contract.lives import NAME_PATTERN

NOW = datetime(2026, 3, 10, tzinfo=UTC)
HEADER = "machine,component,time,kind,code\n"
GOOD = HEADER + (
    "mix-1,bearing,2026-03-01T08:00:00Z,replacement,\n"
    "mix-1,,2026-03-02T09:30:00+01:00,maintenance,oiled\n"
    "\n"
    'mix-2,,2026-03-03T00:00:00Z,error,"e12"\n'
)


def read(tmp_path: Path, text: str | bytes) -> list[MachineEvent]:
    path = tmp_path / "log of march.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_events(path, NOW)


def test_a_log_is_read(tmp_path: Path) -> None:
    first, second, third = read(tmp_path, GOOD)
    assert first == MachineEvent(
        "mix-1",
        "bearing",
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        LogKind.REPLACEMENT,
        "",
        "log of march.csv",
    )
    assert (second.time, second.component, second.code) == (
        datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
        "",
        "oiled",
    )
    assert (third.component, third.kind, third.code) == ("", LogKind.ERROR, "e12")


def test_columns_may_stand_in_any_order_and_the_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    text = "\ufeffkind,code,machine,time,component\nerror,e1,mix-1,2026-03-01T08:00:00Z,\n"
    (only,) = read(tmp_path, text)
    assert (only.kind, only.code, only.component) == (LogKind.ERROR, "e1", "")


WRONG = {
    "an unknown kind": ("mix-1,bearing,2026-03-01T08:00:00Z,explosion,", "'explosion' is not one of"),
    "no time": ("mix-1,bearing,yesterday,failure,", "not ISO 8601"),
    "a time without offset": ("mix-1,bearing,2026-03-01T08:00:00,failure,", "needs an offset"),
    "the future": ("mix-1,bearing,2026-03-10T00:00:01Z,failure,", "lies in the future"),
    "long ago": ("mix-1,bearing,1999-03-10T00:00:01Z,failure,", "after 1999"),
    "the first day of all": ("mix-1,bearing,0001-01-01T00:00:00+14:00,failure,", "out of range"),
    "no machine": (",bearing,2026-03-01T08:00:00Z,failure,", "is no id"),
    "a hostile machine": ("../x,bearing,2026-03-01T08:00:00Z,failure,", "is no id"),
    "a component that is no name": ("mix-1,Ball Bearing,2026-03-01T08:00:00Z,failure,", "component"),
    "maintenance of nothing": ("mix-1,bearing,2026-03-01T08:00:00Z,maintenance,", "needs a code"),
    "a failure of nothing": ("mix-1,,2026-03-01T08:00:00Z,failure,", "needs its component, or machine"),
    "a failure with a code": ("mix-1,gear,2026-03-01T08:00:00Z,failure,e12", "has no code"),
    "a long component": (f"mix-1,{'a' * 32},2026-03-01T08:00:00Z,failure,", "at most 31 characters"),
    "a code that is no name": ("mix-1,bearing,2026-03-01T08:00:00Z,error,E 12", "code"),
    "a field less": ("mix-1,bearing,2026-03-01T08:00:00Z,failure", "5 fields, not 4"),
    "a field more": ("mix-1,bearing,2026-03-01T08:00:00Z,failure,,x", "5 fields, not 6"),
    "an open quote": ('mix-1,"bearing,2026-03-01T08:00:00Z,failure,', "unexpected end"),
}


@pytest.mark.parametrize(("line", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_names_its_line(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path, GOOD + line + "\n")
    assert "line 6" in str(caught.value) or "line 7" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "columns are machine, component, time, kind, code"),
        ("machine,time\n", "line 1: the columns are"),
        (HEADER, "holds no events"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_events(tmp_path / "none.csv", NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"component": ""}, "needs its component"),
        ({"time": NOW.replace(tzinfo=None)}, "UTC"),
        ({"time": NOW - timedelta(days=20_000)}, "after 1999"),
        ({"source": "a\nb"}, "plain characters"),
    ],
)
def test_an_event_that_cannot_be_right_cannot_be_built(changes: dict[str, object], reason: str) -> None:
    fields = {"device_id": "a", "component": "b", "time": NOW, "kind": LogKind.FAILURE}
    with pytest.raises(DataError, match=reason):
        MachineEvent(**(fields | changes))  # type: ignore[arg-type]


def test_components_and_codes_are_those_that_logs_name() -> None:
    def event(component: str, kind: LogKind, code: str = "") -> MachineEvent:
        return MachineEvent("mix-1", component, NOW, kind, code)

    oiled, failed = event("", LogKind.MAINTENANCE, "oiled"), event("gear", LogKind.FAILURE)
    assert components_of([]) == components_of([oiled]) == ("machine",)
    assert components_of([oiled, failed]) == ("gear",)
    assert codes_of([oiled, failed]) == ("oiled",)  # a component sees the ends of others only
    both = [oiled, failed, event("a" * MAX_COMPONENT, LogKind.REPLACEMENT)]
    assert len(codes_of(both)) == 5
    assert all(NAME_PATTERN.fullmatch(code) for code in codes_of(both))
