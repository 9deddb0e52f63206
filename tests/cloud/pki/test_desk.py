"""What the desk refuses, beyond what a device can ask by itself (`tests/edge_agent/test_enrolment.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi.testclient import TestClient

from cloud.certificates import KnownToken
from cloud.errors import EnrolmentRefusedError
from cloud.pki.app import create_enrolment_app
from cloud.pki.authority import Authority
from cloud.pki.desk import GRACE, EnrolmentDesk
from cloud.store import certificates as registry
from cloud.store.database import Database
from contract.enrolment import (
    CLAIM_PATH,
    MAX_BODY_BYTES,
    RENEWAL_PATH,
    TRUST_PATH,
    ClaimRequest,
    ClaimToken,
    Credentials,
    RenewalRequest,
    decode,
    encode,
)
from contract.errors import EnrolmentError
from edge_agent.credentials import join_answer, make_key, make_request, prove, read_holding
from tests.secured_broker import give_identity, make_fleet_authority

NOW = datetime.now(UTC)
TOKEN = ClaimToken("press-1", "5" * 32, "0" * 64)


class Clock:
    """Stands still until it is set."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_fleet_authority(tmp_path / "fleet")


@pytest.fixture
def desk(authority: Authority, database: Database, clock: Clock) -> EnrolmentDesk:
    with database.transaction() as session:
        registry.add_token(session, KnownToken(TOKEN.digest, "press-1", NOW, NOW + timedelta(hours=1)))
    return EnrolmentDesk(authority, database, clock)


@pytest.fixture
def web(desk: EnrolmentDesk) -> Iterator[TestClient]:
    with TestClient(create_enrolment_app(desk)) as client:
        yield client


def claim(key: bytes, name: str = "press-1") -> ClaimRequest:
    return ClaimRequest("press-1", TOKEN.secret, make_request(key, name))


def renewal(pair: bytes, key: bytes, signer: bytes | None = None) -> RenewalRequest:
    held = read_holding(pair)
    request = make_request(key, held.name)
    return RenewalRequest(held.certificate, request, prove(signer or held.key, request))


def test_the_name_is_the_tokens_whatever_the_request_says(desk: EnrolmentDesk) -> None:
    key = make_key()
    assert read_holding(join_answer(key, "press-1", desk.claim(claim(key, "cloud.sink")))).name == "press-1"


def test_asking_again_with_the_same_key_gets_the_same_certificate(desk: EnrolmentDesk, clock: Clock) -> None:
    key = make_key()
    first = desk.claim(claim(key))
    clock.now += timedelta(days=3)  # the token has ended, the certificate has not
    assert desk.claim(claim(key)) == first
    clock.now += timedelta(days=300)
    with pytest.raises(EnrolmentRefusedError, match="used already"):
        desk.claim(claim(key))


def test_a_renewal_asked_for_again_gets_the_same_certificate(desk: EnrolmentDesk, clock: Clock) -> None:
    key, new = make_key(), make_key()
    pair = join_answer(key, "press-1", desk.claim(claim(key)))
    clock.now += timedelta(days=100)
    first = desk.renew(renewal(pair, new))
    assert desk.renew(renewal(pair, new)) == first
    with pytest.raises(EnrolmentRefusedError, match="newer certificate"):
        desk.renew(renewal(pair, make_key()))


@pytest.mark.parametrize(
    ("days", "words"),
    [(1, "too young"), (44, "too young"), (180 + GRACE.days, "ended on")],
)
def test_a_renewal_has_its_time(desk: EnrolmentDesk, clock: Clock, days: int, words: str) -> None:
    key = make_key()
    pair = join_answer(key, "press-1", desk.claim(claim(key)))
    clock.now += timedelta(days=days)
    with pytest.raises(EnrolmentRefusedError, match=words):
        desk.renew(renewal(pair, make_key()))


def test_only_the_old_key_renews(desk: EnrolmentDesk, clock: Clock) -> None:
    key = make_key()
    pair = join_answer(key, "press-1", desk.claim(claim(key)))
    clock.now += timedelta(days=100)
    with pytest.raises(EnrolmentError, match="not the old key's signature"):
        desk.renew(renewal(pair, make_key(), signer=make_key()))
    right = renewal(pair, make_key())
    with pytest.raises(EnrolmentError, match="not the old key's signature"):
        desk.renew(replace(right, request=make_request(make_key(), "press-1")))


def test_a_certificate_that_we_did_not_issue_renews_nothing(desk: EnrolmentDesk, tmp_path: Path) -> None:
    stranger = make_fleet_authority(tmp_path / "other")
    identity, _ = give_identity(stranger, tmp_path / "id", "press-1", now=NOW - timedelta(days=100))
    with pytest.raises(EnrolmentRefusedError, match="not of this fleet's authority"):
        desk.renew(renewal(identity.pair.read_bytes(), make_key()))


def unsigned(pem: str) -> str:
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()


def other_curve(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: "nonsense",
        lambda: unsigned(make_request(make_key(), "press-1")),
        lambda: other_curve(ec.generate_private_key(ec.SECP384R1())),
        lambda: other_curve(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["nonsense", "not its own signature", "P-384", "RSA"],
)
def test_a_request_of_another_kind_uses_no_token(desk: EnrolmentDesk, make: Callable[[], str]) -> None:
    with pytest.raises(EnrolmentError, match="certificate request"):
        desk.claim(ClaimRequest("press-1", TOKEN.secret, make()))
    assert desk.claim(claim(make_key())).certificate


def test_the_web_says_what_the_desk_says(web: TestClient, authority: Authority) -> None:
    assert decode(Credentials, web.get(TRUST_PATH).content).roots == authority.root
    key = make_key()
    answer = web.post(CLAIM_PATH, content=encode(claim(key)))
    assert answer.status_code == 200
    assert join_answer(key, "press-1", decode(Credentials, answer.content))
    refused = web.post(CLAIM_PATH, content=encode(claim(make_key())))
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert "used already" in refused.json()["detail"]


@pytest.mark.parametrize("path", [CLAIM_PATH, RENEWAL_PATH])
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * (MAX_BODY_BYTES + 1)], ids=["empty", "other", "large"])
def test_malformed_requests_are_refused(web: TestClient, path: str, body: bytes) -> None:
    assert web.post(path, content=body).status_code == 400


def test_the_web_shows_nothing_else(web: TestClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/api/v1/machines"):
        assert web.get(path).status_code == 404
    assert web.get("/healthz").text == "ok"


def test_a_store_that_is_away_is_a_matter_of_time(
    web: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connection() as connection:
        connection.exec_driver_sql("ALTER TABLE claim_token RENAME TO gone")
    answer = web.post(CLAIM_PATH, content=encode(claim(make_key())))
    assert answer.status_code == 503 and TOKEN.secret not in answer.text
