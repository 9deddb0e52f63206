"""Which sequences of a boot are stored: how a message that comes again is recognised, for ever.

Rule: pure. A device numbers its messages from 1 and sends every one that it did not have to give up, so that
what is stored of a boot is a few runs of numbers, however many messages that were. A row for each boot takes
the place of a row for each message, and costs the same in a store of a day and of ten years.

>>> kept = Sequences([(1, 3)])
>>> kept.add(5), kept.add(2), kept.add(4)
(True, False, True)
>>> kept.runs
[(1, 5)]
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable

from cloud.errors import RecordRefusedError

MAX_RUNS = 50_000
"""Of a boot, 800 kB; a device that drops every second message of a month offline leaves 20,000."""
_RUN = struct.Struct("<qq")


class Sequences:
    """A set of whole numbers, as runs.

    Args:
        runs: First and last of each, rising, apart by more than one.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in runs:
            self._firsts.append(first)
            self._lasts.append(last)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First and last of each run, rising."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in zip(self._firsts, self._lasts, strict=True))

    def add(self, number: int) -> bool:
        """Put a number in; whether it is new.

        Raises:
            RecordRefusedError: it would take more than `MAX_RUNS` runs.
        """
        firsts, lasts = self._firsts, self._lasts
        place = bisect_right(firsts, number)
        if place and number <= lasts[place - 1]:
            return False
        joins_left = place > 0 and lasts[place - 1] == number - 1
        joins_right = place < len(firsts) and firsts[place] == number + 1
        if joins_left and joins_right:
            lasts[place - 1] = lasts.pop(place)
            del firsts[place]
        elif joins_left:
            lasts[place - 1] = number
        elif joins_right:
            firsts[place] = number
        elif len(firsts) >= MAX_RUNS:
            raise RecordRefusedError(
                f"a device that leaves more than {MAX_RUNS} gaps in one boot's sequences"
            )
        else:
            firsts.insert(place, number)
            lasts.insert(place, number)
        return True


def pack_sequences(sequences: Sequences) -> bytes:
    """Pairs of little-endian int64: first and last of each run."""
    return b"".join(_RUN.pack(first, last) for first, last in sequences.runs)


def unpack_sequences(packed: bytes) -> Sequences:
    """Read back what `pack_sequences` wrote."""
    return Sequences(_RUN.iter_unpack(packed))
