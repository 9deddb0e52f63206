"""What can go wrong in training.

Rule: every error of this package hangs under the root in `contract.errors` and says what to do next.
"""

from contract.errors import DataError


class TooLittleDataError(DataError):
    """The recordings are sound, but a model cannot be trained on so little."""
