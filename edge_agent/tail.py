"""Follows a CSV file that a logger writes: `--source tail:FILE` (only new rows) or `tail:FILE?from=start`.

Rule: a row counts once its newline is there. A malformed row is skipped and counted, never guessed at; a
header that does not fit the profile stops the agent with file and line. Rotation (rename or truncate) is
followed without losing a whole row.

The first column is `time`, `datetime` or `timestamp`: ISO 8601 (without an offset: UTC) or seconds since the
Unix epoch. Every other column is named like a scalar sensor of the profile; an empty cell is a missing value.
"""

from __future__ import annotations

import csv
import difflib
import logging
import math
import os
from collections import deque
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import numpy as np

from contract.errors import ConfigError, DataError
from contract.profiles import MachineProfile
from contract.signals import Reading, SensorKind

_LOG = logging.getLogger(__name__)
TIME_COLUMNS = ("time", "datetime", "timestamp")
CHUNK_BYTES = 64 * 1024
MAX_LINE_BYTES = 1024 * 1024
"""A longer line is no CSV row; it is dropped as malformed so that memory stays bounded."""


def open_tail(spec: str, profile: MachineProfile) -> TailSource:
    """Factory of the scheme `tail`.

    Raises:
        ConfigError: the file does not exist or the option is unknown.
        DataError: the header does not fit the profile.
    """
    path, _, option = spec.partition("?")
    if option not in ("", "from=start", "from=end"):
        raise ConfigError(f"tail: unknown option {option!r}; write tail:FILE or tail:FILE?from=start")
    if not Path(path).is_file():
        raise ConfigError(f"tail: there is no file {path!r}; write tail:FILE")
    return TailSource(Path(path), profile, is_from_start=option == "from=start")


class TailSource:
    """A growing CSV file as a sensor source; never exhausted."""

    def __init__(self, path: Path, profile: MachineProfile, is_from_start: bool = False) -> None:
        self._path = path
        self._profile = profile
        self._columns: tuple[str, ...] = ()
        self._previous_columns: tuple[str, ...] = ()
        self._ready: deque[Reading] = deque()
        self._partial = b""
        self._line = 0
        self._last_time_s = -math.inf
        self._monotonic_s = 0.0
        self.malformed_rows = 0
        """Rows skipped so far."""
        self._file = self._open()
        try:
            if self._read_header() and not is_from_start:
                self._skip_to_end()
        except DataError:
            self._file.close()
            raise

    def read(self) -> Reading | None:
        """One sensor's value of the next row; None when the logger has written no new row."""
        if not self._ready:
            self._take_lines(self._file.read(CHUNK_BYTES))
        if not self._ready and self._has_rotated():
            self._take_lines(self._file.read())  # what was written before the old file went away
            self._start_over()
            self._take_lines(self._file.read(CHUNK_BYTES))
        return self._ready.popleft() if self._ready else None

    @property
    def is_exhausted(self) -> bool:
        """Never: another row may always come."""
        return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> BufferedReader:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise DataError(f"{self._path} cannot be read: {error}") from error

    def _read_header(self) -> bool:
        """Take the first line if it is whole; a logger may not have finished it yet."""
        line = self._file.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            self._file.seek(0)
            return False
        self._line = 1
        where = f"{self._path}:1"
        try:
            names = [cell.strip() for cell in _split(line)]
        except (ValueError, csv.Error) as error:
            raise DataError(f"{where}: no CSV header: {error}; write time and the sensors' names") from error
        if (
            self._previous_columns and names and _is_time(names[0])
        ):  # a rotation that emptied the file, header and all
            self._file.seek(0)
            self._line, self._columns = 0, self._previous_columns
            return True
        self._check_header(names, where)
        self._columns = tuple(names[1:])
        if missing := [s.name for s in self._profile.sensors if s.name not in names]:
            _LOG.warning(
                "CSV lacks sensors of the profile", extra={"path": str(self._path), "missing": missing}
            )
        return True

    def _check_header(self, names: list[str], where: str) -> None:
        if not names or names[0].lower() not in TIME_COLUMNS:
            raise DataError(
                f"{where}: the first column must be named {', '.join(TIME_COLUMNS)}, not {names[:1]}"
            )
        known = {s.name: s for s in self._profile.sensors}
        known = {s.name: s for s in self._profile.sensors}
        for name in names[1:]:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise DataError(f"{where}: profile {self._profile.name} has no sensor {name[:60]!r}; {hint}")
            if known[name].kind is SensorKind.WAVEFORM:
                raise DataError(
                    f"{where}: {name} is a waveform; a CSV row holds single values, use npz: or a driver"
                )
        if len(names) < 2 or len(set(names)) != len(names):
            raise DataError(f"{where}: needs at least one sensor column, each named once")

    def _skip_to_end(self) -> None:
        """Go to the start of the last, perhaps unfinished, line."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, end - MAX_LINE_BYTES))
        tail = self._file.read()
        self._partial = tail[tail.rfind(b"\n") + 1 :]

    def _has_rotated(self) -> bool:
        try:
            now = self._path.stat()
        except OSError:
            return False  # renamed and not yet written anew
        ours = os.fstat(self._file.fileno())
        return (now.st_ino, now.st_dev) != (ours.st_ino, ours.st_dev) or now.st_size < self._file.tell()

    def _start_over(self) -> None:
        _LOG.info("CSV file was rotated", extra={"path": str(self._path), "lines": self._line})
        if self._partial:
            self._skip_row("the file was rotated in the middle of a row")
        fresh = self._open()
        self._file.close()
        self._previous_columns = self._columns or self._previous_columns
        self._file, self._partial, self._columns, self._line = fresh, b"", (), 0

    def _take_lines(self, data: bytes) -> None:
        if not self._columns and data:
            self._file.seek(0)
            data = self._file.read(CHUNK_BYTES) if self._read_header() else b""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line += 1
            if line.strip():
                self._take_row(line)
        if len(self._partial) > MAX_LINE_BYTES:
            self._skip_row("line too long")
            self._partial = b""

    def _take_row(self, line: bytes) -> None:
        try:
            stamp, *cells = _split(line)
            if len(cells) != len(self._columns):
                raise ValueError(f"{len(cells) + 1} cells instead of {len(self._columns) + 1}")
            time_s = parse_time(stamp.strip())
            values = [float(cell) if cell.strip() else math.nan for cell in cells]
        except (ValueError, csv.Error) as error:
            self._skip_row(str(error))
            return
        if math.isfinite(self._last_time_s):
            self._monotonic_s += max(
                0.0, time_s - self._last_time_s
            )  # a file has no second clock to compare with
        self._last_time_s = time_s
        for name, value in zip(self._columns, values, strict=True):
            self._ready.append(Reading(name, time_s, self._monotonic_s, np.array([value], np.float32)))

    def _skip_row(self, reason: str) -> None:
        self.malformed_rows += 1
        if self.malformed_rows & (self.malformed_rows - 1) == 0:  # 1, 2, 4, 8 …
            facts = {"where": f"{self._path}:{self._line}", "reason": reason, "skipped": self.malformed_rows}
            _LOG.warning("malformed CSV row skipped", extra=facts)


def parse_time(text: str) -> float:
    """Seconds since the Unix epoch from ISO 8601 text or a number.

    Raises:
        ValueError: neither, or not finite.

    >>> parse_time("1970-01-01T00:01:00Z"), parse_time("60.5")
    (60.0, 60.5)
    """
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"time {text!r} is not finite")
    return seconds


def _is_time(cell: str) -> bool:
    try:
        parse_time(cell)
    except ValueError:
        return False
    return True


def _split(line: bytes) -> list[str]:
    """Cells of one line; `,`, `;` or tab, whichever it has most of."""
    text = line.decode("utf-8-sig").rstrip("\r\n")
    delimiter = max((",", ";", "\t"), key=text.count)
    return next(csv.reader([text], delimiter=delimiter), [])
