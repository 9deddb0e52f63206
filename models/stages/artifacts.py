"""Kinds of artifacts that only this pipeline has.

Rule: an artifact is a folder; what lies in it is named in `models.stages.names`.
"""

from tfx.types.artifact import Artifact


class SpanVerdict(Artifact):  # type: ignore[misc]  # TFX is untyped
    """What the data gate saw of a span that it let through."""

    TYPE_NAME = "industrialguard.SpanVerdict"


class AcceptedSpan(Artifact):  # type: ignore[misc]  # TFX is untyped
    """The verdict on a span with its drift, and the statistics that the next one is held against."""

    TYPE_NAME = "industrialguard.AcceptedSpan"


class ReplayedModel(Artifact):  # type: ignore[misc]  # TFX is untyped
    """An exported file that answers like the network it was exported from."""

    TYPE_NAME = "industrialguard.ReplayedModel"


class ModelCard(Artifact):  # type: ignore[misc]  # TFX is untyped
    """What people should know of a model, as a page, as text and as data."""

    TYPE_NAME = "industrialguard.ModelCard"
