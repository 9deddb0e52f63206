"""The folder in which a device, or a service of the cloud, keeps who it is.

Rule: two files. `identity.pem` holds private key, certificate and issuing authority together, so that
replacing this one file changes all of them at once; `ca.pem` says whom to trust. A device reads both at every
connection.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.errors import ConfigError

PAIR_FILE, TRUST_FILE = "identity.pem", "ca.pem"
PRIVATE = 0o600
_TIME_ERRORS = {9: "not valid yet", 10: "no longer valid"}
"""OpenSSL's numbers X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_NAME_ERRORS = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


@dataclass(frozen=True, slots=True)
class IdentityFolder:
    """Where an identity lies."""

    path: Path

    @property
    def pair(self) -> Path:
        """Private key, certificate, issuing authority; PEM."""
        return self.path / PAIR_FILE

    @property
    def trust(self) -> Path:
        """Certificates to trust; PEM."""
        return self.path / TRUST_FILE

    def require_whole(self) -> None:
        """Refuse a folder without an identity.

        Raises:
            ConfigError: a file is missing.
        """
        for file in (self.pair, self.trust):
            if not file.is_file():
                raise ConfigError(
                    f"there is no {file}; a device's identity is made with `industrialguard provision`, "
                    "a service's with `industrialguard cloud service-identity`"
                )


def client_context(identity: IdentityFolder | None) -> ssl.SSLContext:
    """How to connect: as whom, and whom to trust; when None, as nobody, and the system's authorities.

    Raises:
        OSError: the folder's files cannot be read or do not belong together.
    """
    if identity is None:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=str(identity.trust))
    context.load_cert_chain(str(identity.pair))
    return context


def explain_tls(error: Exception) -> str:
    """An error of a connection in words; of a certificate's time with this machine's, which may be wrong."""
    code = getattr(error, "verify_code", None)
    if code in _NAME_ERRORS:
        return "its certificate has other names; call it by one of those, or add this one there with --host"
    if code not in _TIME_ERRORS:
        return str(error)
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"its certificate is {_TIME_ERRORS[code]} at this machine's time, {now}; is the clock right?"
