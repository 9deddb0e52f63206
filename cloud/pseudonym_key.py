"""The secret behind the names of machines in training data.

Rule: it is read from a file that its owner protects, never from a command line or a log; the same bytes give
the same names in every snapshot.
"""

from __future__ import annotations

from pathlib import Path

from contract.errors import ConfigError
from contract.snapshot import key_id_of


def read_key(path: Path) -> bytes:
    """The bytes of a key file, without white space at its ends.

    Raises:
        ConfigError: it cannot be read, or is too short or too long.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"--key-file {path}: cannot be read: {error}") from error
    key_id_of(key)  # refuses a key of the wrong length
    return key
