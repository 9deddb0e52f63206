"""Bytes of every released schema version can be read for ever, and mean what they meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.codec import decode, decode_ack, encode, encode_ack
from contract.messages import SCHEMA_VERSION, Kind
from contract.proto import industrialguard_pb2 as pb
from tests.contract.golden_wire import EXAMPLE_ACK, EXAMPLES, FOLDER, describe, describe_schema

VERSIONS = sorted(folder.name for folder in FOLDER.iterdir())
KINDS = [str(kind) for kind in Kind]


def test_every_released_version_has_its_bytes() -> None:
    assert [f"v{number}" for number in range(1, SCHEMA_VERSION + 1)] == VERSIONS
    for version in VERSIONS:
        names = {path.name for path in (FOLDER / version).iterdir()}
        assert names == {f"{n}.{e}" for n in (*KINDS, "ack") for e in ("bin", "json")} | {"descriptor.json"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_released_bytes_decode_to_exactly_what_was_meant(version: str, kind: str) -> None:
    message = decode((FOLDER / version / f"{kind}.bin").read_bytes())
    told = json.loads((FOLDER / version / f"{kind}.json").read_text())
    assert message.kind == kind
    assert json.loads(json.dumps(describe(message))) == {**told, "schema_version": SCHEMA_VERSION}


@pytest.mark.parametrize("kind", KINDS)
def test_v1_bytes_are_the_example_messages(kind: str) -> None:
    assert decode((FOLDER / "v1" / f"{kind}.bin").read_bytes()) == EXAMPLES[kind]
    assert decode_ack((FOLDER / "v1" / "ack.bin").read_bytes()) == EXAMPLE_ACK


@pytest.mark.parametrize("kind", [*KINDS, "ack"])
def test_what_is_written_today_contains_everything_that_v1_said(kind: str) -> None:
    told = json.loads((FOLDER / "v1" / f"{kind}.json").read_text())
    parsed: pb.Ack | pb.Envelope
    if kind == "ack":
        parsed = pb.Ack.FromString(encode_ack(EXAMPLE_ACK))
    else:
        parsed = pb.Envelope.FromString(encode(EXAMPLES[kind]))
    said = json.loads(json.dumps(describe(parsed)))
    assert {key: said.get(key) for key in told} == {**told, "schema_version": SCHEMA_VERSION}


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

    write(tmp_path / "v9")
    with pytest.raises(FileExistsError):
        write(tmp_path / "v9")
