"""What can go wrong with a release on its way, hung under the contract's error tree.

Rule: errors of TUF, of the network and of the operating system are translated into these at the one module
that meets them; `retriable` says whether the same call may succeed later.
"""

from contract.errors import IndustrialGuardError


class UpdateError(IndustrialGuardError):
    """A release could not be made, fetched or trusted."""

    exit_code = 9


class KeyUriError(UpdateError):
    """A key's URI that cannot be read, or a key that does not sign what it should."""

    exit_code = 2


class RepositoryError(UpdateError):
    """The repository's folder is damaged or busy, or was asked for something that cannot be."""


class GateError(RepositoryError):
    """A bundle whose gates were not all passed; it is not published."""


class DeltaError(UpdateError):
    """A delta that cannot be applied; the whole bundle will do."""


class DownloadError(UpdateError):
    """The server cannot be reached, or broke off; what came so far is kept."""

    retriable = True


class MissingError(UpdateError):
    """The server does not have it; asking again would not help before the next release."""


class BusyError(DownloadError):
    """The server asks to be left alone for a while."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """In s."""


class WrongServerError(DownloadError):
    """What answers there is not the server that was named: it says so itself, or its certificate does."""


class TooSlowError(DownloadError):
    """Bytes came so slowly that waiting on would be a freeze by another name."""


class TooLargeError(UpdateError):
    """More bytes than the signed metadata allows."""


class StorageError(UpdateError):
    """This device's disk did not take it, or did not give it back."""

    retriable = True


class CancelledError(UpdateError):
    """Whoever asked for the update called it off."""


class UntrustedError(UpdateError):
    """Signed by the wrong keys, older than what is known, or not what was signed."""


class ExpiredError(UntrustedError):
    """Signatures that are good but too old: nothing newer can be told apart from being held back."""


class RolloutError(UpdateError):
    """A rollout that is planned in a way that cannot be, or is asked for what its state does not allow."""

    exit_code = 2
