"""The difference between two bundles, in the format of bsdiff 4.

Rule: the only file that knows bsdiff4. A delta proves nothing: whoever applies one checks the result against
what was signed, and a hostile delta costs no more memory than the bundle it claims to give.
"""

from __future__ import annotations

import bz2
import importlib.util
import struct

from ota.errors import DeltaError

_MAGIC = b"BSDIFF40"
_HEADER = struct.Struct("<8sQQQ")
"""Mark, bytes of packed control and difference blocks, bytes of the result; the extra block is the rest."""
_STEP_BYTES = 24
"""Of one step in the control block; each of a true delta gives a byte of the result, or more."""


def can_apply() -> bool:
    """Whether this device can use deltas; where bsdiff4 is not installed it takes whole bundles."""
    return importlib.util.find_spec("bsdiff4") is not None


def make_delta(old: bytes, new: bytes) -> bytes:
    """What turns one bundle into another; the same two give the same bytes."""
    import bsdiff4

    delta: bytes = bsdiff4.diff(old, new)
    return delta


def apply_delta(old: bytes, delta: bytes, length: int) -> bytes:
    """Make the new bundle; the caller holds it against its signed hash.

    Args:
        old: The bundle that the delta starts from.
        delta: From `make_delta`, or from anybody.
        length: Bytes of the result, as signed.

    Raises:
        DeltaError: it cannot be applied, or would give another length.
    """
    _require_bounded(delta, length)
    try:
        import bsdiff4

        new: bytes = bsdiff4.patch(old, delta)
    except (ImportError, ValueError, OSError, OverflowError, MemoryError) as error:
        raise DeltaError(f"the delta does not fit the bundle it starts from: {error}") from error
    if len(new) != length:
        raise DeltaError(f"the delta gives {len(new)} bytes, signed are {length}")
    return new


def _require_bounded(delta: bytes, length: int) -> None:
    """Refuse what would unpack to more than the result can need; nothing large is unpacked to find out."""
    if len(delta) < _HEADER.size:
        raise DeltaError("the delta is cut short")
    mark, n_control, n_difference, n_result = _HEADER.unpack_from(delta)
    blocks = delta[_HEADER.size :]
    if mark != _MAGIC or n_control + n_difference > len(blocks):
        raise DeltaError("no delta of bsdiff 4")
    if n_result != length:
        raise DeltaError(f"the delta gives {n_result} bytes, signed are {length}")
    ends = n_control, n_control + n_difference
    _require_unpacks(blocks[: ends[0]], _STEP_BYTES * (length + 1))
    _require_unpacks(blocks[ends[0] : ends[1]], length)
    _require_unpacks(blocks[ends[1] :], length)


def _require_unpacks(block: bytes, most: int) -> None:
    """Refuse a block that is not one stream of at most so many bytes."""
    unpacker, size = bz2.BZ2Decompressor(), 0
    try:
        while not unpacker.eof:
            size += len(unpacker.decompress(block, 65_536))
            block = b""
            if size > most or (unpacker.needs_input and not unpacker.eof):
                raise DeltaError("the delta is damaged: a block is cut short, or larger than its bundle")
    except OSError as error:
        raise DeltaError(f"the delta is damaged: {error}") from error
    if unpacker.unused_data:
        raise DeltaError("the delta is damaged: something stands behind a block")
