"""Files from a web server, for python-tuf's `Updater`.

Rule: a file costs what is left of it. A cut download goes on where it was cut; attempts are counted from the
last chunk that was gained, so that a bad link gets there and a bad server comes to an end. Nothing is read
beyond what the signed metadata allows, or more slowly than a floor; what is not there is not asked for again.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from ota.errors import (
    BusyError,
    CancelledError,
    DownloadError,
    MissingError,
    TooLargeError,
    TooSlowError,
    WrongServerError,
)
from ota.parts import CHUNK_BYTES, Part, PartFolder
from ota.web import Answer, Asks, name_of

LARGEST_DOCUMENT_BYTES = 64 * 1024
_WHOLE, _RESUMED, _UNCHANGED = 200, 206, 304
_NOT_THERE = {403, 404}
"""An object store says 403 of what it does not have."""
_WITHDRAWN = {409, 410}
_RANGE_IS_WRONG = 416
_LATER = {408, 425, 429}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_READ_BYTES = 16 * 1024

Progress = Callable[[int, int], None]
"""Told the bytes that are there, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient to be."""

    attempts: int = 5
    """In a row without gaining a chunk."""
    first_wait_s: float = 1.0
    """Bound of the first wait; it doubles, and each wait is drawn below it (full jitter)."""
    longest_wait_s: float = 60.0
    """Whoever asks for more patience than this is asked again at the next look."""
    slowest_bytes_per_s: float = 200.0
    """A GPRS link has ten times that."""
    window_s: float = 30.0
    """Over which the speed is taken."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A small file as it was last served."""

    tag: str
    content: bytes


class WebFetcher(FetcherInterface):
    """Fetches over HTTP.

    Args:
        web: To ask.
        parts: Where unfinished files lie.
        limits: How patient to be.
        cancelled: Once set, whatever is under way ends and leaves nothing behind.
        progress: Told how far a file is; None: nobody is.
        clock: Seconds from any one moment, by which a speed is taken.
    """

    def __init__(
        self,
        web: Asks,
        parts: PartFolder,
        limits: Limits,
        cancelled: threading.Event,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._web = web
        self._clock = clock
        self._parts = parts
        self._limits = limits
        self._cancelled = cancelled
        self._progress = progress or (lambda done, total: None)
        self.remembered: dict[str, Remembered] = {}
        """By URL: not sent again by a server that gives tags and has not changed them."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        """What the interface asks for; `Updater` itself uses the two below."""
        return iter((self.download_bytes(url, LARGEST_DOCUMENT_BYTES),))

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A small file.

        Raises:
            DownloadError: it did not come, for now.
            TooLargeError: it is larger.
            CancelledError: nobody wants it any more.
            DownloadHTTPError: the server does not have it; python-tuf wants to see that itself.
        """
        part = Part()
        known = self.remembered.get(url)
        is_new = self._bring(url, max_length, part, known.tag if known else "")
        if known is not None and not is_new:
            return known.content
        part.file.seek(0)
        content = part.file.read()
        self.remembered.pop(url, None)
        if part.tag.startswith('"'):
            self.remembered[url] = Remembered(part.tag, content)
        return content

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """A large file; of one that is cut off, what came is kept.

        Raises:
            DownloadError: it did not come, for now.
            TooLargeError: it is larger.
            CancelledError: nobody wants it any more.
            DownloadHTTPError: the server does not have it.
            OSError: the disk does not take it.
        """
        part = self._parts.open(url)
        is_wanted = False
        try:
            part.on_growth = lambda size: self._progress(size, max_length)
            if part.size > max_length:
                part.restart("")
            self._bring(url, max_length, part)
            part.file.seek(0)
            yield part.file
        except DownloadError:
            is_wanted = True
            raise
        finally:
            part.close(is_wanted=is_wanted)

    def _bring(self, url: str, max_length: int, part: Part, known: str = "") -> bool:
        """Get a file whole, in as many goes as that takes; False: it is still the known one."""
        failures, farthest = 0, part.size
        while True:
            try:
                return self._go_on(url, max_length, part, known)
            except (TooSlowError, WrongServerError):
                raise
            except DownloadError as error:
                failures = 1 if part.size - farthest >= CHUNK_BYTES else failures + 1
                farthest = max(farthest, part.size)
                if failures >= self._limits.attempts:
                    raise
                wait_s = self._next_wait_s(failures, error)
            self._require_wanted(wait_s)

    def _go_on(self, url: str, max_length: int, part: Part, known: str) -> bool:
        self._require_wanted()
        headers = {"If-None-Match": known} if known else {}
        if part.size and part.tag:
            headers = {"Range": f"bytes={part.size}-", "If-Range": part.tag}
        with self._web.get(url, headers) as answer:
            if answer.status == _UNCHANGED and known:
                return False
            self._prepare(url, answer, part)
            self._require_room(url, part.size + _promised(answer), max_length)
            self._read_all(url, answer, part, max_length)
        return True

    def _prepare(self, url: str, answer: Answer, part: Part) -> None:
        """Have the part ready for what the answer's body is."""
        if answer.status == _WHOLE:
            part.restart(_tag(answer))
        elif answer.status == _RESUMED:
            found = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != part.size or _tag(answer) not in {"", part.tag}:
                part.restart("")
                raise DownloadError(f"{name_of(url)}: the server went on with something else")
        else:
            if answer.status == _RANGE_IS_WRONG:
                part.restart("")
            raise _refusal(url, answer)

    def _read_all(self, url: str, answer: Answer, part: Part, max_length: int) -> None:
        n_window, since_s = 0, self._clock()
        while chunk := answer.read(_READ_BYTES):
            self._require_wanted()
            self._require_room(url, part.size + len(chunk), max_length)
            part.write(chunk)
            n_window += len(chunk)
            passed_s = self._clock() - since_s
            if passed_s >= self._limits.window_s:
                if n_window < self._limits.slowest_bytes_per_s * passed_s:
                    raise TooSlowError(f"{name_of(url)}: {n_window / passed_s:.0f} bytes/s is too slow")
                n_window, since_s = 0, self._clock()

    def _require_wanted(self, wait_s: float = 0.0) -> None:
        if self._cancelled.wait(wait_s) if wait_s else self._cancelled.is_set():
            raise CancelledError("the update was called off")

    def _require_room(self, url: str, size: int, max_length: int) -> None:
        if size > max_length:
            raise TooLargeError(f"{name_of(url)}: more than the {max_length} bytes that it may have")

    def _next_wait_s(self, failures: int, error: DownloadError) -> float:
        limits = self._limits
        bound_s = min(limits.longest_wait_s, limits.first_wait_s * 2.0 ** (failures - 1))
        least_s = error.retry_after_s if isinstance(error, BusyError) else 0.0
        if least_s > limits.longest_wait_s:
            raise error
        return least_s + random.uniform(0.0, bound_s)


def _refusal(url: str, answer: Answer) -> Exception:
    """What a status that brings no bytes means."""
    status, name = answer.status, name_of(url)
    if status in _WITHDRAWN:
        return CancelledError(f"{name}: the server has withdrawn it ({status})")
    if status in _NOT_THERE:
        return DownloadHTTPError(f"{name}: the server does not have it ({status})", 404)
    if status in _LATER or status >= 500:
        return BusyError(f"{name}: the server asks to come back later ({status})", _retry_after_s(answer))
    if status == _RANGE_IS_WRONG:
        return DownloadError(f"{name}: the server has less than came before")
    return MissingError(f"{name}: the server does not give it ({status})")


def _promised(answer: Answer) -> int:
    """Bytes that the head says will come; 0 when it does not say."""
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _tag(answer: Answer) -> str:
    """What If-Range may ask for: a strong ETag, or a date (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def _retry_after_s(answer: Answer) -> float:
    """Seconds, or a date, which is measured against the server's own clock."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
        return max(0.0, (then - parsedate_to_datetime(answer.headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return 0.0
