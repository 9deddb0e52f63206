"""The root of every error this project raises on purpose.

Rule: each package hangs its own errors under one of these; `retriable` says whether the same call may succeed
later, and `exit_code` is what the command line returns.
"""


class IndustrialGuardError(Exception):
    """Something went wrong that a person can read about in one line and act on."""

    exit_code = 1
    retriable = False


class ConfigError(IndustrialGuardError):
    """A profile, a setting or a command line that cannot be right."""

    exit_code = 2


class DataError(IndustrialGuardError):
    """A recording or a file of data that cannot be read as what it claims to be."""

    exit_code = 3


class MessageError(IndustrialGuardError):
    """A message that must not travel on: wrong bytes, wrong version or impossible values."""

    exit_code = 4


class DecodeError(MessageError):
    """Bytes that are no envelope."""


class SchemaVersionError(MessageError):
    """An envelope of a schema version this code does not speak."""


class InvalidMessageError(MessageError):
    """A well-formed envelope with values that cannot be true."""


class TopicError(MessageError):
    """A topic that is not one of ours, or a value that would break one."""


class BundleError(IndustrialGuardError):
    """A model bundle that is damaged, incomplete or made for something else."""

    exit_code = 5


class StateError(IndustrialGuardError):
    """What a device kept over a restart is damaged, or belongs to another model."""

    exit_code = 6


class RegistryError(IndustrialGuardError):
    """The registry of models is damaged, busy, or has no such model."""

    exit_code = 7


class EnrolmentError(IndustrialGuardError):
    """A certificate was not given: asked for wrongly, refused, or the answer cannot be right."""

    exit_code = 8


class EnrolmentUnavailableError(EnrolmentError):
    """Whoever gives certificates cannot be reached now; the same call may succeed later."""

    retriable = True
