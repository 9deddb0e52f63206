"""What can go wrong in a benchmark.

Rule: every error of this package hangs under the root in `contract.errors` and says what to do next.
"""

from contract.errors import DataError, IndustrialGuardError


class NotCausalError(IndustrialGuardError):
    """A detector's score of a row changed with rows after it, so its figures would be worth nothing."""


class NothingToJudgeError(DataError):
    """The files are sound, but there is nothing in them to measure detectors on."""


class ProcessLostError(IndustrialGuardError):
    """A process that worked for a benchmark was killed."""
