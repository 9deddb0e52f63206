"""The errors of the cloud, and which of them are worth another try.

Rule: `retriable` is said on the class; whoever retries asks the class and never the text. Errors of paho,
SQLite and SQLAlchemy are turned into these at one gate each (`mqtt`, `stream`, `store.database`).
"""

from __future__ import annotations

from contract.errors import IndustrialGuardError, MessageError


class CloudError(IndustrialGuardError):
    """Something in the cloud failed."""


class TopicMismatchError(MessageError):
    """A message that names another device or another kind than the topic it was published on."""


class OversizedError(MessageError):
    """A payload larger than any message may be."""


class LinkError(CloudError):
    """The MQTT broker cannot be reached or refused us; the link comes back by itself."""

    retriable = True


class LinkRefusedError(LinkError):
    """The broker refuses our credentials or our client id; trying again will not help before someone acts."""

    retriable = False


class BrokerUntoldError(CloudError):
    """The broker did not learn of a revocation; its old lists count until it does."""


class StreamError(CloudError):
    """The stream failed for a reason that may pass: busy, or an I/O error."""

    retriable = True


class StreamFullError(StreamError):
    """No room for another record: the disk or the configured size of the log is used up."""


class StreamClosedError(StreamError):
    """A stream or consumer was used after it was closed."""

    retriable = False


class StreamRefusedError(StreamError):
    """The stream refuses what it was given, or us; trying again will not help before someone acts."""

    retriable = False


class GroupBusyError(StreamError):
    """Another living consumer already reads this topic for this group."""

    retriable = False


class StoreError(CloudError):
    """The store failed for good: damaged, or of a schema this code does not know."""


class StoreUnavailableError(StoreError):
    """The store failed for a reason that may pass: locked, or its disk is full."""

    retriable = True


class RecordRefusedError(StoreError):
    """The database refuses these very values; trying again will not help."""


class NotFoundError(CloudError):
    """There is no such machine, alert or dead letter."""


class LakeError(CloudError):
    """The lake's disk refused, or a file in it is damaged."""


class SnapshotExistsError(CloudError):
    """A training snapshot is never changed: there is one of this name already."""


class SnapshotStorageError(CloudError):
    """The disk refused a training snapshot; nothing of it was left behind."""

    retriable = True


class ModelError(CloudError):
    """An exported model that cannot be run here, or answers otherwise than where it was made."""


class EnrolmentRefusedError(CloudError):
    """A certificate that whoever asked may not have; the message says what a person can do."""


class StaleError(CloudError):
    """Somebody else has changed it since it was read; nothing was done."""

    retriable = True


class CaseError(CloudError):
    """What somebody asked of a case cannot be done with it as it stands."""


class OrderError(CloudError):
    """What somebody asked of a work order cannot be done with it as it stands."""


class SignInRefusedError(CloudError):
    """Somebody is not let in; the message does not say which of name and password was wrong."""


class TooManyTriesError(CloudError):
    """It was tried too often lately; nothing was looked at."""

    retriable = True


class AccessError(CloudError):
    """What somebody asked of people or keys cannot be done as things stand."""


class AssetError(CloudError):
    """What somebody asked of an asset cannot be done as the plant is mapped now."""


class EamError(CloudError):
    """The maintenance system did not do what it was asked."""


class EamUnavailableError(EamError):
    """It does not answer, or says that it cannot now; it may have done it all the same."""

    retriable = True


class EamAccessError(EamError):
    """It does not let us in; every order waits until somebody has seen to that."""

    retriable = True


class EamRefusedError(EamError):
    """It will not do this, however often it is asked; a person has to look."""
