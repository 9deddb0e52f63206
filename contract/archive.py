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
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.durable import sync_folder
from contract.errors import BundleError

MAX_PART_BYTES = 8 * 1024 * 1024

Tensor = npt.NDArray[np.int8]
AnyTensor = npt.NDArray[Any]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644 << 16
_READABLE = 0o644


def pack(parts: Mapping[str, bytes], largest: int = MAX_PART_BYTES) -> bytes:
    """Put parts into a zip, in this order.

    Args:
        parts: By name.
        largest: Bytes of one part, at most.

    Raises:
        BundleError: a part is larger.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            _require_size(name, len(part), largest)
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, part)
    return packed.getvalue()


def unpack(
    data: bytes, names: tuple[str, ...], optional: tuple[str, ...] = (), largest: int = MAX_PART_BYTES
) -> dict[str, bytes]:
    """Take out exactly these parts, in this order.

    Args:
        data: What `pack` made.
        names: Parts that must be there.
        optional: Parts that may follow them, in this order.
        largest: Bytes of one part, at most.

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
                _require_size(info.filename, info.file_size, largest)
                if info.compress_type != zipfile.ZIP_STORED:
                    raise BundleError(f"{info.filename} is compressed")
            parts = {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, OSError, OverflowError) as error:
        raise BundleError(f"damaged, or no bundle: {error}") from error
    if pack(parts, largest) != data:
        raise BundleError("damaged: its bytes are not those that its parts give")
    return parts


def format_tensor(tensor: AnyTensor) -> bytes:
    """An array of numbers in NumPy's npy format, version 1.0."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(tensor), allow_pickle=False)
    return buffer.getvalue()


def parse_tensor(data: bytes, name: str, kind: type[np.generic] = np.int8) -> AnyTensor:
    """Read what `format_tensor` wrote; the header is believed only as far as there are bytes behind it.

    Args:
        data: The part.
        name: What errors call it.
        kind: Of its numbers.

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
    wanted, size = np.dtype(kind), len(data) - buffer.tell()
    fits = dtype == wanted and not is_fortran and min(shape, default=0) >= 0
    if not fits or math.prod(shape) * wanted.itemsize != size:
        raise BundleError(f"{name} must be one whole {wanted.name} array")
    return np.frombuffer(data, wanted, offset=buffer.tell()).reshape(shape)


def write_atomically(path: Path, data: bytes, mode: int = _READABLE) -> None:
    """Write a file aside, make it durable, then put it in place at once: nobody ever sees half of it.

    Args:
        path: In a folder that exists.
        data: All of it.
        mode: Who may read it; until it has it, only its owner may.

    Raises:
        OSError: as `open`, `fsync` and `rename` do; the old file is untouched then.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
        written = Path(aside.name)
        try:
            aside.write(data)
            aside.flush()
            os.fsync(aside.fileno())
            written.chmod(mode)
            written.replace(path)
        except OSError:
            written.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def _require_size(name: str, size: int, largest: int) -> None:
    if size > largest:
        raise BundleError(f"{name} is larger than {largest} bytes")
