"""Keeping the pipeline's idea of the last good model true to the registry.

Rule: the registry knows who is in charge. A model that people rolled back from is no baseline and no start of
training: its blessing is withdrawn before the next run looks for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract.registry import Act, Entry, ModelLine, Registry
from models.stages.lineage import Walk

BLESSED_PROPERTY = "blessed"


def follow_registry(metadata: Path, registry: Registry, line: ModelLine) -> tuple[str, ...]:
    """Withdraw the blessing of every model that was in charge and was rolled back from.

    Args:
        metadata: The pipeline's SQLite file; nothing happens where there is none yet.
        registry: Who is in charge.
        line: Of which models.

    Returns:
        Versions whose blessing was withdrawn now.
    """
    if not metadata.is_file():
        return ()
    withdrawn = []
    for version in rolled_back(registry.history(line)):
        walk = Walk(metadata, is_writable=True)
        pushed = walk.find_pushed(version)
        if pushed is None:
            continue
        walk.back_from(pushed.id)
        blessing = walk.artifact_of("ModelBlessing")
        if blessing.custom_properties[BLESSED_PROPERTY].int_value:
            blessing.custom_properties[BLESSED_PROPERTY].int_value = 0
            walk.store.put_artifacts([blessing])
            withdrawn.append(version)
    return tuple(withdrawn)


def rolled_back(history: Sequence[Entry]) -> list[str]:
    """Versions that were in charge and would not come back by rolling back further, oldest first."""
    reign: list[str] = []
    for entry in history:
        if entry.act is Act.PROMOTED:
            reign.append(entry.version)
        elif entry.act is Act.ROLLED_BACK:
            reign.pop()
    promoted = dict.fromkeys(entry.version for entry in history if entry.act is Act.PROMOTED)
    return [version for version in promoted if version not in reign]
