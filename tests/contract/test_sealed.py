"""A sealed file is what its manifest says, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.archive import pack, unpack
from contract.errors import BundleError
from contract.sealed import (
    MANIFEST,
    SLACK_BYTES,
    Seal,
    read_sealed,
    require_tflite,
    take_fields,
    write_sealed,
)

SEAL = Seal(7, "write it anew", ("a", "b"), ("c",), 1000)
CONTENT = {"name": "x", "numbers": [1, 2.5, None]}


def rewritten(content: Any) -> bytes:
    """A sealed file whose manifest was replaced."""
    parts = unpack(SEAL.close(CONTENT, {"a": b"1", "b": b"2"}), (MANIFEST, "a", "b"))
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return pack({**parts, MANIFEST: text})


@given(st.binary(max_size=900), st.binary(max_size=900), st.none() | st.binary(max_size=900))
def test_what_was_closed_is_opened(a: bytes, b: bytes, c: bytes | None) -> None:
    parts = {"a": a, "b": b} | ({} if c is None else {"c": c})
    data = SEAL.close(CONTENT, parts)
    content, found = SEAL.open(data)
    assert found == parts
    assert content.items() >= CONTENT.items()
    assert content["format"] == 7
    assert SEAL.close(CONTENT, parts) == data


def test_a_part_that_is_too_large_is_neither_written_nor_read() -> None:
    assert SEAL.largest == 4 * 1000 + SLACK_BYTES
    with pytest.raises(BundleError, match="a is larger than 1000"):
        SEAL.close(CONTENT, {"a": bytes(1001), "b": b""})
    roomy = Seal(7, "", ("a", "b"), (), 2000)
    with pytest.raises(BundleError, match="a is larger than 1000"):
        SEAL.open(roomy.close(CONTENT, {"a": bytes(1001), "b": b""}))
    with pytest.raises(BundleError, match="larger than"):
        SEAL.open(bytes(SEAL.largest + 1))


@pytest.mark.parametrize("wrong", [object(), float("nan")])
def test_what_is_no_plain_json_is_not_written(wrong: object) -> None:
    with pytest.raises(BundleError, match="plain JSON"):
        SEAL.close({"x": wrong}, {"a": b"", "b": b""})


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"[" * 900, b'{"format": NaN}', {}, {"format": 7}, {"format": "7"}]
)
def test_a_manifest_that_is_none_is_refused(content: Any) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        SEAL.open(rewritten(content))


def test_another_format_says_what_to_do() -> None:
    with pytest.raises(BundleError, match="reads format 7; write it anew"):
        SEAL.open(rewritten({"format": 8, "sha256": {}}))


@pytest.mark.parametrize("digests", [{}, {"a": 1, "b": None}, {"a": "0" * 64, "b": "0" * 64}])
def test_parts_that_the_manifest_does_not_know_are_damage(digests: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="a is not what the manifest says"):
        SEAL.open(rewritten({"format": 7, "sha256": digests}))


def test_files_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_sealed(path, b"12345")
    assert read_sealed(path, 10) == b"12345"
    with pytest.raises(BundleError, match="file: larger than 3 bytes"):
        read_sealed(path, 3)
    with pytest.raises(BundleError, match="cannot be read"):
        read_sealed(tmp_path, 3)
    with pytest.raises(BundleError, match="cannot be written"):
        write_sealed(path / "below", b"")


def test_a_model_must_say_that_it_is_one() -> None:
    require_tflite(b"....TFL3", "model")
    with pytest.raises(BundleError, match="model is no TFLite model"):
        require_tflite(b"TFL3....", "model")
    with pytest.raises(BundleError, match="larger than 7"):
        require_tflite(b"....TFL3", "model", 7)


def test_missing_fields_are_named() -> None:
    assert take_fields({"a": 1, "b": 2}, {"a"}) == {"a": 1}
    with pytest.raises(BundleError, match="b, c is missing"):
        take_fields({"a": 1}, {"a", "c", "b"})
