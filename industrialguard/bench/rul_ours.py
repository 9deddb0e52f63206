"""Our own models of remaining useful life, as the benchmark sees them.

Rule: exactly one of them is the main one: what ships.
"""

from __future__ import annotations

from industrialguard.bench.rul_rows import Contender


def our_contenders() -> tuple[Contender, ...]:
    """The machine type's model, the one of a single subset, and the one of the last 30 rows."""
    return ()
