"""What a trace is called between processes: the `traceparent` of W3C Trace Context.

Rule: standard library only: who traces nothing passes it on all the same. It comes from outside and is
believed only when it is one.
"""

from __future__ import annotations

import re

TRACEPARENT = "traceparent"
"""Name of the MQTT 5 user property and of the stream's header."""
_PATTERN = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def is_traceparent(text: str) -> bool:
    """Whether a text names a trace.

    >>> is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    True
    >>> is_traceparent("00-" + "0" * 32 + "-00f067aa0ba902b7-01")
    False
    """
    return _PATTERN.fullmatch(text) is not None
