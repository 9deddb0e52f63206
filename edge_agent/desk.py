"""HTTPS to the enrolment desk.

Rule: the desk is believed for its root alone, whatever the time: a device whose clock is years off must be
able to enrol. Root and host name are checked always, the dates of the desk's certificate never.
"""

from __future__ import annotations

import http.client
import json
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from contract.enrolment import MAX_BODY_BYTES, TRUST_PATH, Credentials, decode, fingerprint
from contract.errors import ConfigError, EnrolmentError, EnrolmentUnavailableError
from contract.identity import explain_tls

TIMEOUT_S = 15.0
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""


class Desk:
    """A connection to the desk; a context manager.

    Args:
        url: `https://HOST[:PORT]`.
        roots: Whom to trust, PEM; None: nobody is asked for anything but a root, which is checked otherwise.

    Raises:
        ConfigError: no such URL.
    """

    def __init__(self, url: str, roots: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
            raise ConfigError("the enrolment desk's address must be https://HOST:PORT")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if roots is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        else:
            context.load_verify_locations(cadata=roots)
            context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        self._name = f"{parts.hostname}:{parts.port or 443}"
        self._connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=TIMEOUT_S, context=context
        )

    @classmethod
    def trusting(cls, url: str, root: str) -> Self:
        """A desk of whose root only the digest is known: the desk is asked for it.

        Raises:
            EnrolmentError: it has another root.
            EnrolmentUnavailableError: it cannot be reached.
        """
        with cls(url, None) as stranger:
            roots = stranger.ask(TRUST_PATH).roots
        if fingerprint(roots) != root:
            raise EnrolmentError(f"{url} is not the desk of this claim token: it has another root")
        return cls(url, roots)

    def ask(self, path: str, body: bytes | None = None) -> Credentials:
        """Ask for certificates.

        Raises:
            EnrolmentError: refused, in the desk's own words, or no desk answers there.
            EnrolmentUnavailableError: unreachable, or busy.
        """
        try:
            self._connection.request("POST" if body else "GET", path, body)
            answer = self._connection.getresponse()
            status, data = answer.status, answer.read(MAX_BODY_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise EnrolmentUnavailableError(
                f"no enrolment desk at {self._name}: {explain_tls(error)}"
            ) from error
        if status == http.client.OK:
            return decode(Credentials, data)
        kind = EnrolmentUnavailableError if status >= 500 else EnrolmentError
        raise kind(f"the enrolment desk says: {_detail(data) or f'status {status}'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _detail(data: bytes) -> str:
    """The sentence of a refusal (RFC 9457)."""
    try:
        said = json.loads(data)
    except ValueError:
        return ""
    return str(said.get("detail", ""))[:500] if isinstance(said, dict) else ""
