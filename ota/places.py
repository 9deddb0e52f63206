"""Files from where there is no web server: a USB stick, and what the device knows already.

Rule: whatever they hold is verified by the code that verifies the web server's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

STICK = "stick:///"
MEMORY = "memory:///"
_READ_BYTES = 64 * 1024


class FolderFetcher(FetcherInterface):
    """Fetches from a folder that is a copy of the repository: `metadata`, `targets`, `assignments`.

    Args:
        folder: Whose files are called `stick:///PATH`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = PurePosixPath(unquote(url.removeprefix(STICK)))
        path = self._folder / name
        if ".." in name.parts or name.is_absolute() or not path.is_file():
            if not self._folder.is_dir():
                raise DownloadError(f"{self._folder} is not there; is the stick plugged in?")
            raise DownloadHTTPError(f"{self._folder} does not have {name}", 404)
        try:
            file = path.open("rb")
        except OSError as error:
            raise DownloadError(f"{path} cannot be read: {error}") from error
        return _read(file, path)


class MemoryFetcher(FetcherInterface):
    """Gives back the metadata that was verified before, whatever version of it is asked for.

    Args:
        metadata: By its file's name.
    """

    def __init__(self, metadata: Mapping[str, bytes]) -> None:
        self._metadata = metadata

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(MEMORY)
        version, _, rest = name.partition(".")
        if rest == "root.json":  # all roots are known before it is asked
            raise DownloadHTTPError(f"{name} was never fetched", 404)
        known = self._metadata.get(rest if version.isdecimal() else name)
        if known is None:
            raise DownloadError("there is no connection")
        return iter((known,))


def _read(file: BinaryIO, path: Path) -> Iterator[bytes]:
    with file:
        try:
            while chunk := file.read(_READ_BYTES):
                yield chunk
        except OSError as error:
            raise DownloadError(f"{path} cannot be read: {error}") from error
