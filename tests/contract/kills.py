"""Kills a process at each line of some code in turn, as a power cut would: nothing after that line runs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

KILLED = 9
_DONE = 0


def killed_at_each_line(work: Callable[[int], None], *modules: str) -> Iterator[int]:
    """Run `work(n)` in a child that ends at the n-th line executed in these modules; yield after each.

    Ends when the work got through. The child leaves by `os._exit`: no `finally`, no buffer is flushed.
    """
    for n in range(1, 10_000):
        child = os.fork()
        if child == 0:
            gc.disable()  # it would touch, and so copy, all memory of a parent that has trained networks
            _work_until(work, n, modules)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (KILLED, _DONE), f"the work itself failed at line {n}"
        yield n
        if code == _DONE:
            return
    raise AssertionError("the work never ends")


def _work_until(work: Callable[[int], None], n: int, modules: tuple[str, ...]) -> None:
    left = n

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_globals.get("__name__") not in modules:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return trace

    try:
        sys.settrace(trace)
        work(n)
        sys.settrace(None)
        os._exit(_DONE)
    finally:
        os._exit(1)
