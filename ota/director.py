"""The keys that sign assignments, as the target `director.json` names them.

Rule: they are trusted because the offline keys of `targets` say so, and no longer than these say so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from securesystemslib.signer import Key

from ota.errors import RepositoryError
from ota.keys import key_of

MAX_DIRECTOR_BYTES = 65_536
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class Director:
    """Who signs assignments.

    Raises:
        RepositoryError: no keys, or a threshold that they cannot reach.
    """

    keys: Mapping[str, Key]
    """By id."""
    threshold: int = 1
    """How many of them must sign."""

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.keys) <= MAX_KEYS:
            raise RepositoryError(
                f"{self.threshold} of {len(self.keys)} keys cannot sign assignments; at most {MAX_KEYS} keys"
            )


def format_director(director: Director) -> bytes:
    """The target's bytes; the same director gives the same bytes."""
    keys = {key_id: key.to_dict() for key_id, key in director.keys.items()}
    content = {"keys": keys, "threshold": director.threshold}
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def parse_director(data: bytes) -> Director:
    """Read what `format_director` wrote.

    Raises:
        RepositoryError: anything else.
    """
    try:
        if len(data) > MAX_DIRECTOR_BYTES:
            raise ValueError(f"larger than {MAX_DIRECTOR_BYTES} bytes")
        content = json.loads(data)
        keys = {key_id: key_of(each) for key_id, each in content["keys"].items()}
        if any(key.keyid != key_id for key_id, key in keys.items()):
            raise ValueError("a key under another one's id")
        if type(content["threshold"]) is not int:
            raise ValueError("threshold must be a whole number")
        return Director(keys, content["threshold"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RepositoryError(f"director.json is damaged: {error}") from error
