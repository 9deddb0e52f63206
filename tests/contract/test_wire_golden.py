"""Bytes of every released schema version can be read for ever, and mean what they meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.codec import decode, decode_ack, encode, encode_ack
from contract.messages import SCHEMA_VERSION, Kind, Message
from contract.proto import industrialguard_pb2 as pb
from tests.contract.golden_wire import EXAMPLE_ACK, EXAMPLES, FOLDER, RELEASED, describe, describe_schema

VERSIONS = sorted(folder.name for folder in FOLDER.iterdir())
KINDS = [str(kind) for kind in Kind]
AS_IN_V1 = [kind for kind in KINDS if kind not in {Kind.SUMMARY, Kind.UPDATE}]
CASES = [(version, name) for version, examples in RELEASED.items() for name in examples]


def test_every_released_version_has_its_bytes() -> None:
    assert [f"v{number}" for number in range(1, SCHEMA_VERSION + 1)] == VERSIONS
    for version in VERSIONS:
        names = {path.name for path in (FOLDER / version).iterdir()}
        expected = {f"{n}.{e}" for n in (*RELEASED[version], "ack") for e in ("bin", "json")}
        assert names == expected | {"descriptor.json"}
    assert set(KINDS) <= RELEASED[VERSIONS[-1]].keys()


@pytest.mark.parametrize(("version", "name"), CASES)
def test_released_bytes_decode_to_exactly_what_was_meant(version: str, name: str) -> None:
    data = (FOLDER / version / f"{name}.bin").read_bytes()
    told = json.loads((FOLDER / version / f"{name}.json").read_text())
    assert decode(data) == RELEASED[version][name]
    assert json.loads(json.dumps(describe(pb.Envelope.FromString(data)))) == told


@pytest.mark.parametrize("version", VERSIONS)
def test_released_acks_decode(version: str) -> None:
    assert decode_ack((FOLDER / version / "ack.bin").read_bytes()) == EXAMPLE_ACK


@pytest.mark.parametrize("kind", AS_IN_V1)
def test_messages_that_a_v1_reader_understands_are_still_v1_to_the_byte(kind: str) -> None:
    """Devices and clouds are not updated on the same day."""
    assert encode(EXAMPLES[kind]) == (FOLDER / "v1" / f"{kind}.bin").read_bytes()


def test_a_summary_with_features_is_columns_that_an_old_cloud_refuses() -> None:
    """ADR 15: it would otherwise be taken for one without features."""
    written = pb.Envelope.FromString(encode(EXAMPLES["summary"]))
    assert (written.schema_version, len(written.summary.features)) == (3, 0)
    assert written.summary.feature_names == "vib_h_rms\nspeed_level"


def test_acks_are_still_v1_to_the_byte() -> None:
    """A device in the field refuses an Ack of a version it does not know and keeps its outbox for ever."""
    assert encode_ack(EXAMPLE_ACK) == (FOLDER / "v1" / "ack.bin").read_bytes()


@pytest.mark.parametrize(
    ("name", "oldest"),
    [("alarm", 1), ("status", 1), ("sensor_fault", 2), ("drift", 2), ("unsteady", 2), ("summary", 3)],
)
def test_only_what_an_old_cloud_could_not_take_for_what_it_means_asks_for_a_new_one(
    name: str, oldest: int
) -> None:
    message: Message = RELEASED["v2"][name]
    assert pb.Envelope.FromString(encode(message)).schema_version == message.schema_version == oldest


@pytest.mark.parametrize("kind", [*AS_IN_V1, "ack"])
def test_what_is_written_today_contains_everything_that_v1_said(kind: str) -> None:
    told = json.loads((FOLDER / "v1" / f"{kind}.json").read_text())
    parsed: pb.Ack | pb.Envelope
    if kind == "ack":
        parsed = pb.Ack.FromString(encode_ack(EXAMPLE_ACK))
    else:
        parsed = pb.Envelope.FromString(encode(EXAMPLES[kind]))
    said = json.loads(json.dumps(describe(parsed)))
    assert {key: said.get(key) for key in told} == told


@pytest.mark.parametrize("version", VERSIONS)
def test_no_field_was_renumbered_retyped_or_removed(version: str) -> None:
    stored = json.loads((FOLDER / version / "descriptor.json").read_text())
    schema = describe_schema()
    for message, fields in stored.items():
        for name, numbers in fields.items():
            assert schema[message][name] == numbers, f"{message}.{name} changed since {version}"


def test_no_number_is_used_twice() -> None:
    for message, fields in describe_schema().items():
        numbers = [field[0] for field in fields.values()]
        assert len(set(numbers)) == len(numbers), message


def test_the_tool_never_overwrites(tmp_path: Path) -> None:
    from tests.contract.golden_wire import write

    write(tmp_path / "v9", EXAMPLES)
    with pytest.raises(FileExistsError):
        write(tmp_path / "v9", EXAMPLES)
