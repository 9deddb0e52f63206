"""What continuous training did for a machine type: a journal of runs that begin and end.

Rule: whoever writes holds the lock, so one run is under way at a time. A run that has begun and not ended
while the lock was free died with its process; the next holder says so in the journal before anything else.
Lines are only ever added.

    FOLDER/MACHINE_TYPE.lock     held for as long as a run takes
    FOLDER/MACHINE_TYPE.jsonl    a line when a run begins, and one when it ends
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from contract.durable import append_line, exclusive, make_folder, read_lines
from contract.errors import StateError
from models.continuous import Cause, PastRun, Result, Trigger

_MAX_DETAIL = 500


class Journal:
    """The runs of one machine type.

    Args:
        folder: Made by the first writer.
        machine_type: Whose.
    """

    def __init__(self, folder: Path, machine_type: str) -> None:
        self._folder = folder
        self._path = folder / f"{machine_type}.jsonl"
        self._lock = folder / f"{machine_type}.lock"

    def runs(self) -> tuple[PastRun, ...]:
        """All runs, the last one last.

        Raises:
            StateError: the journal is damaged.
        """
        found: list[PastRun] = []
        for number, line in enumerate(self._read(), 1):
            try:
                _add(found, json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise StateError(f"{self._path}, line {number}: damaged ({error}); move it away") from error
        return tuple(found)

    @contextmanager
    def alone(self, now: datetime) -> Iterator[bool]:
        """Be the only one at work, if nobody else is; a run that died is recorded as lost.

        Yields:
            Whether this process is the only one; the journal may be written only then.

        Raises:
            StateError: the journal cannot be written, or is damaged.
        """
        with ExitStack() as held:
            try:
                make_folder(self._folder)
                held.enter_context(exclusive(self._lock, 0))
            except TimeoutError:
                yield False
                return
            except OSError as error:
                raise StateError(f"{self._folder} cannot be written: {error.strerror}") from error
            runs = self.runs()
            if runs and runs[-1].ended is None:
                self.end(now, Result.LOST, "its process died before it ended")
            yield True

    def begin(self, now: datetime, who: str, trigger: Trigger, snapshot: str) -> None:
        """Record that a run begins.

        Raises:
            StateError: the journal cannot be written.
        """
        told = {"who": who, "cause": str(trigger.cause), "reason": trigger.reason, "snapshot": snapshot}
        self._append({"began": now.isoformat(), **told})

    def end(self, now: datetime, result: Result, detail: str) -> None:
        """Record how the run that began last has ended.

        Raises:
            StateError: the journal cannot be written.
        """
        self._append({"ended": now.isoformat(), "result": str(result), "detail": detail[:_MAX_DETAIL]})

    def _read(self) -> list[bytes]:
        try:
            return read_lines(self._path)
        except OSError as error:
            raise StateError(f"{self._path} cannot be read: {error.strerror}") from error

    def _append(self, entry: Mapping[str, str]) -> None:
        try:
            append_line(self._path, json.dumps(entry, sort_keys=True).encode())
        except OSError as error:
            raise StateError(f"{self._path} cannot be written: {error.strerror}") from error


def _add(runs: list[PastRun], entry: dict[str, Any]) -> None:
    if "began" in entry:
        began = datetime.fromisoformat(entry["began"])
        told = (entry[name] for name in ("reason", "snapshot"))
        runs.append(PastRun(began, entry["who"], Cause(entry["cause"]), *told))
        return
    ended, result = datetime.fromisoformat(entry["ended"]), Result(entry["result"])
    runs[-1] = replace(runs[-1], ended=ended, result=result, detail=entry["detail"])
