"""What can go wrong in training.

Rule: every error of this package hangs under the root in `contract.errors` and says what to do next.
"""

from contract.errors import BundleError, DataError, IndustrialGuardError


class TooLittleDataError(DataError):
    """The recordings are sound, but a model cannot be trained on so little."""


class ModelFileError(BundleError):
    """A model file that cannot be read, or that the runtimes of this machine cannot run."""


class NotReleasableError(BundleError):
    """A bundle that would disappoint a device: too large, not for the Edge TPU, or not reproduced here."""


class EdgeTpuCompilerError(IndustrialGuardError):
    """`edgetpu_compiler` is installed, but failed or gave no model."""


class LineageError(IndustrialGuardError):
    """The pipeline's metadata does not know a model, or lost what it was made of."""


class PipelineError(IndustrialGuardError):
    """A stage of the training pipeline failed for a reason that is no defect of the data."""
