"""Files and properties of the pipeline's own artifacts.

Rule: a name that two stages share stands here, so that neither loads the other.
"""

VERDICT_FILE = "verdict.json"
STATISTICS_FILE = "FeatureStats.pb"
CARD_FILE, CARD_PAGE, CARD_DATA = "card.md", "card.html", "card.json"
REPLAY_FILE = "replay.json"
SPAN_PROPERTY = "span"
"""Custom property of examples and accepted spans; TFX's ExampleGen sets it on examples."""
VERSION_PROPERTY, PROMOTED_PROPERTY = "registry_version", "promoted"
"""Custom properties of a pushed model."""
