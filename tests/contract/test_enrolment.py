from __future__ import annotations

import hashlib
import json
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.enrolment import (
    MAX_BODY_BYTES,
    ClaimRequest,
    ClaimToken,
    Credentials,
    RenewalRequest,
    decode,
    encode,
    fingerprint,
    read_base64,
)
from contract.errors import EnrolmentError
from contract.messages import DEVICE_ID_PATTERN

SECRET, ROOT = "0123456789abcdef" * 2, "ab" * 32
names = st.from_regex(DEVICE_ID_PATTERN, fullmatch=True)


@given(names, st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_a_token_reads_back_and_never_shows_its_secret(name: str, secret: bytes, root: bytes) -> None:
    token = ClaimToken(name, secret.hex(), root.hex())
    assert ClaimToken.parse(f" {token}\n") == token
    assert "secret" not in repr(token) and token.digest != secret.hex()


@given(st.text(max_size=200))
def test_anything_else_is_no_token_and_is_not_repeated(text: str) -> None:
    with pytest.raises(EnrolmentError, match="not a claim token") as caught:
        ClaimToken.parse(text)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    "parts", [("a b", SECRET, ROOT), ("a", SECRET[1:], ROOT), ("a", SECRET, ROOT.upper()), ("", SECRET, ROOT)]
)
def test_impossible_tokens_cannot_be_built(parts: tuple[str, str, str]) -> None:
    with pytest.raises(EnrolmentError):
        ClaimToken(*parts)


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_bodies_read_back(one: str, two: str, three: str) -> None:
    claim, renewal, answer = (
        ClaimRequest(one, two, three),
        RenewalRequest(one, two, three),
        Credentials(one, two),
    )
    assert decode(ClaimRequest, encode(claim)) == claim
    assert decode(RenewalRequest, encode(renewal)) == renewal
    assert decode(Credentials, encode(answer)) == answer


@given(
    st.one_of(
        st.binary(max_size=100),
        st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()),
        st.dictionaries(st.sampled_from(["certificate", "roots", "x"]), st.none() | st.text())
        .filter(lambda body: body.keys() != {"certificate", "roots"} or None in body.values())
        .map(lambda body: json.dumps(body).encode()),
    )
)
def test_anything_else_is_no_body(data: bytes) -> None:
    with pytest.raises(EnrolmentError, match="not a Credentials"):
        decode(Credentials, data)


def test_a_body_has_its_bounds() -> None:
    with pytest.raises(EnrolmentError):
        decode(Credentials, encode(Credentials("x" * MAX_BODY_BYTES, "")))
    with pytest.raises(EnrolmentError):
        decode(Credentials, b"[" * MAX_BODY_BYTES)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_has_no_fingerprint(text: str) -> None:
    with pytest.raises(EnrolmentError):
        fingerprint(text)


@given(st.binary(min_size=1, max_size=200), st.binary(min_size=1, max_size=50))
def test_a_second_certificate_behind_the_first_is_seen(one: bytes, other: bytes) -> None:
    """Base64 ends at its padding for Python, OpenSSL reads on: both would be trusted, one was looked at."""
    first = ssl.DER_cert_to_PEM_cert(one)
    assert fingerprint(first) == hashlib.sha256(one).hexdigest()
    for text in (first + ssl.DER_cert_to_PEM_cert(other), f" {first}", first.replace("\n", "\r\n")):
        with pytest.raises(EnrolmentError):
            fingerprint(text)


def test_a_proof_is_base64() -> None:
    assert read_base64("AAEC") == b"\x00\x01\x02"
    with pytest.raises(EnrolmentError):
        read_base64("§")
