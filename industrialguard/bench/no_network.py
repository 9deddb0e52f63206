"""What is left of our method when the network is taken away: the baseline that says what a network is worth.

Rule: everything but the reconstruction is ours: features, levels, spreads, yardstick.
"""

from __future__ import annotations

import numpy as np

from contract.scoring import Values

NO_NETWORK = "squared deviations, no network"


class NoNetwork:
    """Expects every feature at its level: what is left is the deviation itself."""

    def reconstruct(self, contexts: Values) -> Values:
        """Zeros of the same shape."""
        return np.zeros_like(contexts)
