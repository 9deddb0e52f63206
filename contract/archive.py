"""Several parts in one file: an uncompressed zip that depends on its parts alone.

Rule: the same parts give the same bytes, and bytes that are not exactly what their parts give are damaged.
Sizes are checked before anything is believed, so that a hostile file costs no more memory than its own
length.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import BundleError

MAX_PART_BYTES = 8 * 1024 * 1024

Tensor = npt.NDArray[np.int8]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644 << 16
_READABLE = 0o644


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Put parts into a zip, in this order.

    Raises:
        BundleError: a part is larger than `MAX_PART_BYTES`.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            _require_size(name, len(part))
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, part)
    return packed.getvalue()


def unpack(data: bytes, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Take out exactly these parts, in this order.

    Args:
        data: What `pack` made.
        names: Parts that must be there.
        optional: Parts that may follow them, in this order.

    Raises:
        BundleError: there are others, one is too large or compressed, or any byte is not as `pack` writes it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            found = tuple(info.filename for info in infos)
            if found != names + tuple(name for name in optional if name in found[len(names) :]):
                raise BundleError(f"must hold {', '.join(names)} and nothing else")
            for info in infos:
                _require_size(info.filename, info.file_size)
                if info.compress_type != zipfile.ZIP_STORED:
                    raise BundleError(f"{info.filename} is compressed")
            parts = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, OSError, OverflowError) as error:
        raise BundleError(f"damaged, or no bundle: {error}") from error
    if pack(parts) != data:
        raise BundleError("damaged: its bytes are not those that its parts give")
    return parts


def format_tensor(tensor: Tensor) -> bytes:
    """An int8 array in NumPy's npy format, version 1.0."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(tensor), allow_pickle=False)
    return buffer.getvalue()


def parse_tensor(data: bytes, name: str) -> Tensor:
    """Read what `format_tensor` wrote; the header is believed only as far as there are bytes behind it.

    Raises:
        BundleError: anything else.
    """
    buffer = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(buffer) != (1, 0):  # type: ignore[no-untyped-call]
            raise BundleError(f"{name}: unknown version of the npy format")
        header = np.lib.format.read_array_header_1_0(buffer)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, SyntaxError) as error:
        raise BundleError(f"{name} is no npy array: {error}") from error
    shape, is_fortran, dtype = header
    size = len(data) - buffer.tell()
    if dtype != np.int8 or is_fortran or min(shape, default=0) < 0 or math.prod(shape) != size:
        raise BundleError(f"{name} must be one whole int8 array")
    return np.frombuffer(data, np.int8, offset=buffer.tell()).reshape(shape)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file aside, make it durable, then put it in place at once: nobody ever sees half of it.

    Raises:
        OSError: as `open`, `fsync` and `rename` do; the old file is untouched then.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
        written = Path(aside.name)
        try:
            aside.write(data)
            aside.flush()
            os.fsync(aside.fileno())
            written.chmod(_READABLE)
            written.replace(path)
        except OSError:
            written.unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _require_size(name: str, size: int) -> None:
    if size > MAX_PART_BYTES:
        raise BundleError(f"{name} is larger than {MAX_PART_BYTES} bytes")
