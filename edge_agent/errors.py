"""What can go wrong on a device, hung under the contract's error tree.

Rule: errors of SQLite, paho, the TFLite runtime and the operating system are translated into these at the one
module that calls them; `retriable` says whether trying the same again may help.
"""

from contract.errors import BundleError, ConfigError, IndustrialGuardError


class ModelError(BundleError):
    """A model file that the runtime refuses, that has the wrong shape, or that fails its self-test."""


class LinkError(IndustrialGuardError):
    """The broker cannot be reached, refused us, or went away."""

    retriable = True


class VersionRefusedError(LinkError):
    """The broker does not speak this version of MQTT."""


class UnknownSourceError(ConfigError):
    """A `--source` whose scheme no installed package offers."""


class StateFolderError(ConfigError):
    """The folder for outbox and state cannot be created or written."""
