from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from ota.director import Director, format_director, parse_director
from ota.errors import RepositoryError

KEYS = {key.keyid: key for key in (CryptoSigner.generate_ed25519().public_key for _ in range(3))}


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_what_is_written_is_read(threshold: int) -> None:
    director = Director(KEYS, threshold)
    assert parse_director(format_director(director)) == director
    assert format_director(director) == format_director(Director(dict(reversed(KEYS.items())), threshold))


@pytest.mark.parametrize("threshold", [0, 4, -1])
def test_a_threshold_that_cannot_be_reached_is_refused(threshold: int) -> None:
    with pytest.raises(RepositoryError, match="cannot sign assignments"):
        Director(KEYS, threshold)


def test_a_key_under_another_ones_id_is_refused() -> None:
    content = json.loads(format_director(Director(KEYS, 2)))
    one, two, _ = content["keys"]
    content["keys"][one] = content["keys"][two]  # one key would count twice
    with pytest.raises(RepositoryError, match="under another one's id"):
        parse_director(json.dumps(content).encode())


@pytest.mark.parametrize(
    "change", [{"keys": {}}, {"keys": []}, {"threshold": True}, {"threshold": "1"}], ids=str
)
def test_what_is_no_director_is_refused(change: dict[str, object]) -> None:
    content = json.loads(format_director(Director(KEYS))) | change
    with pytest.raises(RepositoryError):
        parse_director(json.dumps(content).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(RepositoryError, match=r"director\.json is damaged"):
        parse_director(data)


def test_a_giant_is_not_read() -> None:
    with pytest.raises(RepositoryError, match="larger than"):
        parse_director(b" " * 70_000)
