"""The key that signs access tokens, in a file that its owner protects.

Rule: made once, whole or not at all; whoever comes second reads what the first has made, so that several
processes over one folder believe each other.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from contract.durable import sync_folder
from contract.errors import ConfigError

KEY_BYTES = 32


def read_signing_key(path: Path) -> bytes:
    """The key in a file, which is made where there is none.

    Raises:
        ConfigError: it cannot be read or made, or is no such key.
    """
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the signing key {path} cannot be read or made: {error}") from error
    return parse_signing_key(text, str(path))


def parse_signing_key(text: str, origin: str) -> bytes:
    """The key in a text of 64 hexadecimal digits.

    Raises:
        ConfigError: another text; it is not shown.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{origin} must hold {2 * KEY_BYTES} hexadecimal digits: `openssl rand -hex 32`")
    return key


def _make(path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as aside:  # 0600
        aside.write(secrets.token_hex(KEY_BYTES).encode())
        aside.flush()
        os.fsync(aside.fileno())
        try:
            path.hardlink_to(aside.name)
        except FileExistsError:
            return
    sync_folder(path.parent)
