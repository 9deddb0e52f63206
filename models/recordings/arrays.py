"""The one gate to .npz files: arrays read in slices, so that a recording never lies in memory whole.

Rule: whatever is wrong with the file (missing, truncated, no zip, pickled objects, other shape or kind of
number) is a `DataError` that names the file and the array.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from contract.errors import DataError

_HEADER_READERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Turn what zip, zlib and NumPy raise on a damaged file into one `DataError`."""
    try:
        yield
    except KeyError as error:
        raise DataError(f"{where}: the file has no such array; is it of another kind?") from error
    except FileNotFoundError as error:
        raise DataError(f"{where}: there is no such file") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataError(f"{where}: damaged or not an .npz file ({error}); copy it again") from error


class ArrayStream:
    """One array of an .npz file, read from its first axis on, slice by slice.

    Args:
        path: The file.
        name: Name of the array in it.
        kinds: Accepted NumPy dtype kinds: `f` float, `i` and `u` whole numbers.

    Raises:
        DataError: the file or the array is missing, damaged or of another kind.
    """

    def __init__(self, path: Path, name: str, kinds: str = "fiu") -> None:
        self._where = f"{path} [{name}]"
        with _translated(self._where), ExitStack() as opened:
            archive = opened.enter_context(zipfile.ZipFile(path))
            self._file = opened.enter_context(archive.open(f"{name}.npy"))
            self.shape, self._dtype = self._read_header()
            self._opened = opened.pop_all()
        if self._dtype.kind not in kinds or not self.shape:
            self.close()
            raise DataError(
                f"{self._where}: holds {self._dtype} of shape {self.shape}, not an array of numbers"
            )
        self._taken = 0

    def _read_header(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        version = np.lib.format.read_magic(self._file)  # type: ignore[no-untyped-call]
        if version not in _HEADER_READERS:
            raise ValueError(f"array format {version}")
        shape, is_fortran, dtype = _HEADER_READERS[version](self._file)
        if (is_fortran and len(shape) > 1) or dtype.hasobject:
            raise ValueError("not a plain C-ordered array")
        return shape, dtype

    def take(self, count: int) -> npt.NDArray[Any]:
        """The next `count` entries along the first axis.

        Raises:
            DataError: the file ends before.
        """
        shape = (count, *self.shape[1:])
        n_bytes = math.prod(shape) * self._dtype.itemsize
        with _translated(self._where):
            data = self._file.read(n_bytes)
        if count < 0 or self._taken + count > self.shape[0] or len(data) != n_bytes:
            raise DataError(
                f"{self._where}: ends after {self._taken} of {self.shape[0]} entries; copy it again"
            )
        self._taken += count
        return np.frombuffer(data, self._dtype).reshape(shape)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._opened.close()

    def __enter__(self) -> ArrayStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_array(path: Path, name: str, kinds: str = "fiu") -> npt.NDArray[Any]:
    """Read one whole array of an .npz file.

    Raises:
        DataError: as `ArrayStream`.
    """
    with ArrayStream(path, name, kinds) as stream:
        return stream.take(stream.shape[0])
