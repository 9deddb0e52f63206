"""Keys by URI: where a private key lies, and how its public half is handed on.

Rule: a private key is used where it lies; it is never shown, logged or written a second time.

    file:PATH                       PKCS #8 in PEM, as `make_key` writes it
    env:NAME                        the same text in an environment variable
    hsm:2?label=TOKEN               key 2 of a PKCS #11 token, as securesystemslib writes it
    pkcs11:token=TOKEN;id=%02       the same as RFC 7512 writes it
    awskms: gcpkms: azurekms: hv:   a cloud's key service, or HashiCorp Vault, as securesystemslib writes them

A key file is opened with the passphrase in INDUSTRIALGUARD_OTA_PASSPHRASE, or in the variable that the URI
names (`file:PATH?passphrase=NAME`); a token with the PIN in INDUSTRIALGUARD_OTA_PIN.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib import parse

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    Signature,
    Signer,
    SSlibKey,
)

from contract.archive import write_atomically
from ota.errors import KeyUriError

PASSPHRASE, PIN = "INDUSTRIALGUARD_OTA_PASSPHRASE", "INDUSTRIALGUARD_OTA_PIN"
PUBLIC_SUFFIX = ".pub"
SERVICES: Mapping[str, str] = {
    "awskms": "securesystemslib[awskms]",
    "azurekms": "securesystemslib[azurekms]",
    "gcpkms": "securesystemslib[gcpkms]",
    "hsm": "securesystemslib[PKCS11]",
    "hv": "securesystemslib[vault]",
}
"""Schemes that securesystemslib answers for, and what each needs to be installed."""
SCHEMES = ("file", "env", "pkcs11", *SERVICES)
_PRIVATE = 0o600
_TOKEN_FIELDS = {
    "token": "label",
    "manufacturer": "manufacturerID",
    "model": "model",
    "serial": "serialNumber",
}
"""RFC 7512's names of what singles out a token, and PKCS #11's own."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The private keys at hand."""

    signers: tuple[Signer, ...] = ()

    def of(self, key_ids: Collection[str]) -> list[Signer]:
        """Those among the named keys."""
        return [signer for signer in self.signers if signer.public_key.keyid in key_ids]


def open_ring(uris: Iterable[str], environment: Mapping[str, str] = os.environ) -> KeyRing:
    """Open private keys.

    Raises:
        KeyUriError: one cannot be; says which and why.
    """
    return KeyRing(tuple(open_key(uri, environment) for uri in dict.fromkeys(uris)))


def open_key(uri: str, environment: Mapping[str, str] = os.environ) -> Signer:
    """Open one private key.

    Raises:
        KeyUriError: the URI cannot be read, nothing is there, or it does not open.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "file":
        path, _, query = rest.partition("?")
        return _open_pem(_read_file(Path(path), uri), uri, _passphrase(query, uri, environment))
    if scheme == "env":
        name, _, query = rest.partition("?")
        if not environment.get(name):
            raise KeyUriError(f"{uri}: there is no environment variable {name}")
        return _open_pem(environment[name].encode(), uri, _passphrase(query, uri, environment))
    if scheme == "pkcs11":
        return _open_service(translate_pkcs11(uri), environment)
    if scheme in SERVICES:
        return _open_service(uri, environment)
    raise KeyUriError(f"key {uri[:_SHOWN]!r}: a key's URI begins with one of {', '.join(SCHEMES)}")


def make_key(path: Path, passphrase: str = "") -> Key:
    """Make an Ed25519 key: its private half into a file for its owner alone, the public one beside it.

    Args:
        path: Of the private half; `.pub` is added for the public one.
        passphrase: Empty: the file's mode is all that protects it.

    Raises:
        KeyUriError: something is there already, or cannot be written.
    """
    if path.exists():
        raise KeyUriError(f"{path} is there already; a key is never written over")
    private = Ed25519PrivateKey.generate()
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase.encode())
    key = identified(SSlibKey.from_crypto(private.public_key()))
    try:
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        write_atomically(path, pem, _PRIVATE)
        write_atomically(path.with_name(path.name + PUBLIC_SUFFIX), format_public(key))
    except OSError as error:
        raise KeyUriError(f"{path} cannot be written: {error.strerror}") from error
    return key


def read_public(place: str, environment: Mapping[str, str] = os.environ) -> Key:
    """A public key from its file, or from the URI of its private half.

    Raises:
        KeyUriError: it is none, or cannot be read.
    """
    if place.partition(":")[0] in SCHEMES:
        return open_key(place, environment).public_key
    return parse_public(_read_file(Path(place), place), place)


def format_public(key: Key) -> bytes:
    """A public key as JSON, without its id, which follows from the rest."""
    return json.dumps(key.to_dict(), indent=1, sort_keys=True).encode() + b"\n"


def parse_public(data: bytes, where: str) -> Key:
    """Read what `format_public` wrote.

    Raises:
        KeyUriError: anything else.
    """
    try:
        return key_of(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise KeyUriError(f"{where} is no public key; `industrialguard ota public-key` writes one") from error


def key_of(content: Any) -> Key:
    """A public key from JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return identified(Key.from_dict("", dict(content)))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no public key: {error}") from error


def identified(key: Key) -> Key:
    """The key under the id that follows from what it is, so that no key goes under another one's id."""
    plain = {"keytype": key.keytype, "scheme": key.scheme, "keyval": {"public": key.keyval["public"]}}
    return Key.from_dict(sha256(str(encode_canonical(plain)).encode()).hexdigest(), plain)


def sign(signer: Signer, payload: bytes) -> Signature:
    """Sign bytes.

    Raises:
        KeyUriError: the key's place did not let it.
    """
    try:
        return signer.sign(payload)
    except Exception as error:  # a token and each service have errors of their own
        raise KeyUriError(
            f"key {signer.public_key.keyid[:8]} does not sign: {_in_one_line(error)}"
        ) from error


def translate_pkcs11(uri: str) -> str:
    """A PKCS #11 URI (RFC 7512) as securesystemslib writes it.

    >>> translate_pkcs11("pkcs11:token=Root%20one;id=%02")
    'hsm:2?label=Root+one'

    Raises:
        KeyUriError: it names no key by `id`, or says what is not understood.
    """
    pairs = [part.partition("=") for part in uri.partition(":")[2].split(";") if part]
    fields = {name: parse.unquote_to_bytes(value) for name, _, value in pairs}
    key_id, kind = fields.pop("id", b""), fields.pop("type", b"private")
    unknown = sorted(fields.keys() - _TOKEN_FIELDS.keys())
    if unknown or not key_id or kind != b"private":
        raise KeyUriError(
            f"{uri[:_SHOWN]}: must name a private key by `id`, and its token by {', '.join(_TOKEN_FIELDS)}; "
            "the token's library is named by the environment variable PYKCS11LIB"
        )
    chosen = {_TOKEN_FIELDS[name]: value.decode("utf-8", "replace") for name, value in fields.items()}
    return f"hsm:{int.from_bytes(key_id, 'big')}?{parse.urlencode(chosen)}"


def _open_pem(pem: bytes, uri: str, passphrase: str) -> Signer:
    """A passphrase that a key does not need is no mistake: one may be set for several keys."""
    secret = passphrase.encode() if b"ENCRYPTED" in pem else None
    try:
        private = load_pem_private_key(pem, secret)
        return CryptoSigner(private, _sslib(SSlibKey.from_crypto(private.public_key())))
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyUriError(
            f"{uri[:_SHOWN]} does not open: no key that signs, or its passphrase is not in {PASSPHRASE}"
        ) from error


def _open_service(uri: str, environment: Mapping[str, str]) -> Signer:
    """The service is asked for the public half first: a URI alone does not say it."""
    scheme = uri.partition(":")[0]

    def secret(name: str) -> str:
        if not environment.get(PIN):
            raise KeyUriError(f"{uri}: its {name} must be in {PIN}")
        return environment[PIN]

    try:
        exact, key = _import(scheme, parse.urlparse(uri))
        return Signer.from_priv_key_uri(exact, _sslib(key), secret)
    except UnsupportedLibraryError as error:
        raise KeyUriError(f"{uri} needs more: pip install '{SERVICES[scheme]}'") from error
    except Exception as error:  # a token and each service have errors of their own
        raise KeyUriError(f"{uri} cannot be opened: {_in_one_line(error)}") from error


def _import(scheme: str, uri: parse.ParseResult) -> tuple[str, SSlibKey]:
    signer: Any = SIGNER_FOR_URI_SCHEME[scheme]
    exact: str
    if scheme == "hsm":
        token = dict(parse.parse_qsl(uri.query))
        exact, key = signer.import_(int(uri.path or signer.SCHEME_KEYID), token or None)
    elif scheme == "azurekms":  # azurekms://VAULT.vault.azure.net/keys/NAME
        exact, key = signer.import_(uri.netloc.partition(".")[0], uri.path.split("/")[2])
    elif scheme == "hv":  # hv:NAME, or hv:NAME/VERSION
        exact, key = signer.import_(uri.path.partition("/")[0])
    else:
        exact, key = signer.import_(uri.path)
    return exact, key


def _sslib(key: Key) -> SSlibKey:
    found = identified(key)
    if not isinstance(found, SSlibKey):
        raise ValueError(f"keys of type {key.keytype} are not for releases")
    return found


def _passphrase(query: str, uri: str, environment: Mapping[str, str]) -> str:
    fields = dict(parse.parse_qsl(query))
    name = fields.pop("passphrase", "")
    if fields:
        raise KeyUriError(f"{uri[:_SHOWN]}: after ? only passphrase=NAME is known")
    if name and not environment.get(name):
        raise KeyUriError(f"{uri}: there is no environment variable {name}")
    return environment.get(name or PASSPHRASE, "")


def _read_file(path: Path, uri: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyUriError(f"{uri[:_SHOWN]} cannot be read: {error.strerror}") from error


def _in_one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:_SHOWN]
