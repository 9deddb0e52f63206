"""The door: who is let in, by what, and for how long.

Rule: whoever is let in is read from the store each time, so that a role that was taken away, a person who was
locked out or a sign-in that was ended counts at the next request. Why somebody is refused is never said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.access.passwords import is_password
from cloud.access.throttle import Throttle
from cloud.access.tokens import ACCESS_SPAN, Signer, digest_of, new_id, new_secret, parse_key
from cloud.errors import SignInRefusedError, TooManyTriesError
from cloud.people import KEY_PREFIX, Principal
from cloud.store.api_keys import find_key
from cloud.store.database import Database
from cloud.store.people import (
    NewSignIn,
    Person,
    SignIn,
    add_sign_in,
    end_sign_in,
    find_by_name,
    find_sign_in,
    read_person,
    renew_sign_in,
)
from cloud.store.queries import Session

SESSION_SPAN = timedelta(hours=12)
"""A browser's session ends so long after it began: a shift and what comes after it."""
REFRESH_SPAN = timedelta(days=30)
"""A program that does not come back for so long has to sign in again."""
_REFUSED = "name or password is not right"


class Kind(StrEnum):
    """What a sign-in is kept by."""

    SESSION = "session"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever was recognised, and by what."""

    principal: Principal
    person_id: int | None = None
    """None: a program with a key."""
    sign_in: str = ""
    """Empty: a key."""
    is_browser: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a program signs in for."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_s: int = int(ACCESS_SPAN.total_seconds())
    """Of the access token, in s."""


@dataclass(frozen=True, slots=True)
class _Tries:
    """How often a password may be tried: by one address for one name, for one name, and by one address."""

    pair: Throttle = field(default_factory=lambda: Throttle(burst=5, per_s=1 / 30))
    name: Throttle = field(default_factory=lambda: Throttle(burst=30, per_s=1 / 60))
    address: Throttle = field(default_factory=lambda: Throttle(burst=30, per_s=1 / 10))


class AccessDesk:
    """Lets people and programs in.

    Args:
        database: An open store.
        signer: Of access tokens.
        clock: Cloud time.
        steady_s: A clock that only goes on, in s.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        clock: Callable[[], datetime],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._signer = database, signer
        self._clock, self._steady_s = clock, steady_s
        self._tries = _Tries()

    def by_session(self, secret: str) -> Caller | None:
        """Whose browser sends this cookie."""
        with self._database.session() as session:
            found = find_sign_in(session, self._clock(), digest=digest_of(secret))
        return _caller(found, Kind.SESSION)

    def by_token(self, token: str) -> Caller | None:
        """Whose program sends this access token."""
        sign_in = self._signer.read(token, self._clock())
        if sign_in is None:
            return None
        with self._database.session() as session:
            found = find_sign_in(session, self._clock(), sign_in=sign_in)
        return _caller(found, Kind.TOKENS)

    def by_key(self, text: str) -> Caller | None:
        """Which program sends this key."""
        parsed = parse_key(text)
        if parsed is None:
            return None
        with self._database.session() as session:
            key = find_key(session, parsed[0], digest_of(parsed[1]), self._clock())
        if key is None:
            return None
        return Caller(Principal(f"{KEY_PREFIX}{key.name}", key.role, key.sites))

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Begin a browser's session; returns the secret for its cookie.

        Raises:
            SignInRefusedError: name or password is not right.
            TooManyTriesError: it was tried too often.
        """
        return self.begin_session(self._check(name, password, address).id, address)

    def begin_session(self, person_id: int, address: str) -> str:
        """Begin a session of somebody who was recognised otherwise; returns the secret for its cookie."""
        with self._database.transaction() as session:
            return self._begin(session, person_id, Kind.SESSION, address)[1]

    def issue(self, name: str, password: str, address: str) -> Tokens:
        """Begin a family of tokens.

        Raises:
            SignInRefusedError: name or password is not right.
            TooManyTriesError: it was tried too often.
        """
        return self.begin_tokens(self._check(name, password, address).id, address)

    def begin_tokens(self, person_id: int, address: str) -> Tokens:
        """Begin a family of tokens of somebody who was recognised otherwise."""
        with self._database.transaction() as session:
            sign_in, secret = self._begin(session, person_id, Kind.TOKENS, address)
        return self._tokens(sign_in, secret)

    def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token, which counts no more.

        One that comes a second time was stolen, or its thief was first: nobody can tell, so the whole family
        ends and its owner signs in again.

        Raises:
            SignInRefusedError: it does not count.
        """
        refused = SignInRefusedError("this refresh token does not count any more; sign in again")
        sign_in, _, given = token.partition(".")
        secret, now = new_secret(), self._clock()
        with self._database.transaction() as session:
            found = find_sign_in(session, now, sign_in=sign_in)
            if found is None or found.kind != Kind.TOKENS:
                raise refused
            until = now + REFRESH_SPAN
            is_renewed = renew_sign_in(session, sign_in, digest_of(given), digest_of(secret), until)
            if not is_renewed:
                end_sign_in(session, sign_in)
        if not is_renewed:
            raise refused
        return self._tokens(sign_in, secret)

    def sign_out(self, sign_in: str) -> None:
        """End a session or a family of tokens."""
        with self._database.transaction() as session:
            end_sign_in(session, sign_in)

    def check_password(self, person_id: int, password: str, address: str) -> None:
        """Have somebody who is signed in say the password again.

        Raises:
            SignInRefusedError: it is not right.
            TooManyTriesError: it was tried too often.
        """
        self._check(self.name_of(person_id), password, address)

    def name_of(self, person_id: int) -> str:
        """What somebody is called.

        Raises:
            NotFoundError: there is nobody of that id.
        """
        with self._database.session() as session:
            return read_person(session, person_id).name

    def _check(self, name: str, password: str, address: str) -> Person:
        folded, now_s = name.casefold(), self._steady_s()
        pair = f"{folded}\0{address}"
        tries = ((self._tries.pair, pair), (self._tries.name, folded), (self._tries.address, address))
        if not all(throttle.take(key, now_s) for throttle, key in tries):
            raise TooManyTriesError("that was tried too often; wait a minute and try again")
        with self._database.session() as session:
            found = find_by_name(session, name)
        is_right = is_password(password, found[1] if found else "")
        if found is None or not is_right or not found[0].is_active:
            raise SignInRefusedError(_REFUSED)
        self._tries.pair.forget(pair)
        return found[0]

    def _begin(self, session: Session, person_id: int, kind: Kind, address: str) -> tuple[str, str]:
        """Returns the id of a new sign-in and its secret."""
        sign_in, secret, now = new_id(), new_secret(), self._clock()
        until = now + (SESSION_SPAN if kind is Kind.SESSION else REFRESH_SPAN)
        add_sign_in(
            session, NewSignIn(sign_in, str(kind), digest_of(secret), person_id, now, until, address[:64])
        )
        return sign_in, secret

    def _tokens(self, sign_in: str, secret: str) -> Tokens:
        return Tokens(self._signer.sign(sign_in, self._clock()), f"{sign_in}.{secret}")


def _caller(found: SignIn | None, kind: Kind) -> Caller | None:
    if found is None or found.kind != kind:
        return None
    person = found.person
    principal = Principal(person.name, person.role, person.sites)
    return Caller(principal, person.id, found.id, is_browser=kind is Kind.SESSION)
