"""What turns an older bundle into a newer one; the only module that imports `bsdiff4`.

Rule: a delta is never believed: what comes of it is, or is not, the file that was signed. Before it costs
memory, what it would unpack to is bounded.
"""

from __future__ import annotations

import bz2
import importlib.util
import struct

from ota.errors import DeltaError

_HEADER = struct.Struct("<8s3q")
"""Magic, packed bytes of the control and the difference block, bytes of the result (Percival's BSDIFF40)."""
_MAGIC = b"BSDIFF40"
_CONTROL_SLACK = 64 * 1024


def can_apply() -> bool:
    """Whether this device has the library; on 32-bit ARM there is no wheel of it."""
    return importlib.util.find_spec("bsdiff4") is not None


def apply_delta(old: bytes, delta: bytes, max_bytes: int) -> bytes:
    """Make the newer file.

    Args:
        old: The file that the delta starts from.
        delta: As `bsdiff4.diff` makes it.
        max_bytes: Of the newer file, at most.

    Raises:
        DeltaError: it is damaged, or for another file, or too much comes of it.
    """
    try:
        import bsdiff4
    except ImportError as error:
        raise DeltaError("this device has no bsdiff4") from error
    _require_bounded(delta, max_bytes)
    try:
        return bytes(bsdiff4.patch(old, delta))
    except (ValueError, OSError, EOFError, MemoryError, SystemError) as error:
        raise DeltaError(f"the delta does not fit: {error}") from error


def _require_bounded(delta: bytes, max_bytes: int) -> None:
    if len(delta) < _HEADER.size:
        raise DeltaError("the delta is cut off")
    magic, n_control, n_difference, n_new = _HEADER.unpack_from(delta)
    if magic != _MAGIC or min(n_control, n_difference, n_new) < 0 or n_new > max_bytes:
        raise DeltaError(f"no delta, or one that leads to more than {max_bytes} bytes")
    start, end = _HEADER.size, _HEADER.size + n_control
    for block, limit in (
        (delta[start:end], max_bytes + _CONTROL_SLACK),
        (delta[end : end + n_difference], max_bytes),
        (delta[end + n_difference :], max_bytes),
    ):
        try:
            unpacked = bz2.BZ2Decompressor().decompress(block, limit + 1)
        except (OSError, ValueError, EOFError) as error:
            raise DeltaError(f"the delta is damaged: {error}") from error
        if len(unpacked) > limit:
            raise DeltaError(f"the delta unpacks to more than {limit} bytes")
