"""Ready-made decisions about access: by password, by a program's token, by the user whom the host has signed in."""

from __future__ import annotations

import re
import secrets
import threading
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Any

from starlette.requests import Request

from integration_logger.errors import ConfigurationError
from integration_logger.query import ALL
from integration_logger.viewer.access import Principal
from integration_logger.viewer.threads import in_password_thread


def owner_of_all(name: str) -> Principal:
    """Return an owner who sees everything."""
    return Principal(name, role="owner", tenants=ALL)


class BasicAuth:
    """An ``authorize`` that asks for name and password, as browsers do by themselves; use it over HTTPS only.

    ``users`` maps names to Argon2 hashes; ``principal`` gets the name and returns who that is, by default an owner who
    sees everything. Needs the extra ``basic-auth``. An unknown name takes as long as a wrong password.
    """

    hint = "Name and password are needed."
    challenge = 'Basic realm="Integration log", charset="UTF-8"'

    def __init__(self, users: Mapping[str, str], principal: Callable[[str], Principal | None] = owner_of_all) -> None:
        if not isinstance(users, Mapping) or not users:
            raise ConfigurationError("basic_auth takes names with their Argon2 hashes: {'ana': '$argon2id$...'}")
        self._verify = _argon2(users)
        self._users = dict(users)
        self._principal = principal
        # A right password is looked up the next time: Argon2 is slow on purpose, and browsers send it each time.
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}

    async def __call__(self, request: Request) -> Principal | None:
        credentials = _basic(request.headers.get("authorization", ""))
        if credentials is None:
            return None
        user, password = credentials
        digest = blake2b(password.encode(), key=self._key).digest()
        if not secrets.compare_digest(self._right.get(user, b""), digest):
            if not await in_password_thread(self._is_right, user, password):
                return None
            self._right[user] = digest
        return self._principal(user)

    def _is_right(self, user: str, password: str) -> bool:
        any_hash = next(iter(self._users.values()))
        return self._verify(self._users.get(user, any_hash), password) and user in self._users


def _argon2(users: Mapping[str, str]) -> Callable[[str, str], bool]:
    try:
        from argon2 import PasswordHasher, extract_parameters
        from argon2.exceptions import Argon2Error, InvalidHashError
    except ImportError:
        raise ConfigurationError('basic_auth needs Argon2: pip install "integration-logger[basic-auth]"') from None
    for user, hashed in users.items():
        try:
            extract_parameters(hashed)
        except (InvalidHashError, AttributeError, TypeError):
            raise ConfigurationError(f"basic_auth takes an Argon2 hash as the password of {user!r}") from None
    hasher, one_at_a_time = PasswordHasher(), threading.Lock()

    def verify(hashed: str, password: str) -> bool:
        try:
            with one_at_a_time:  # each takes 64 MiB: guesses that come all at once shall not fill the memory
                return hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False

    return verify


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


Granted = Principal | tuple[Principal, datetime]
"""Whose a token is; with a time, until when."""


class BearerTokens:
    """An ``authorize`` for programs, which send ``Authorization: Bearer TOKEN``.

    ``tokens`` maps the SHA-256 of each token, in hexadecimal, to its ``Principal``, or to a pair of it and the time
    at which the token expires. Tokens must be long and random, as ``secrets.token_urlsafe()`` makes them.
    """

    hint = "A bearer token is needed; this one is missing, unknown or expired."
    challenge = 'Bearer realm="Integration log"'

    def __init__(self, tokens: Mapping[str, Granted]) -> None:
        if not isinstance(tokens, Mapping):
            raise ConfigurationError("bearer_tokens takes the SHA-256 of each token with its Principal")
        self._tokens = [(_digest(digest), *_granted(granted)) for digest, granted in tokens.items()]

    async def __call__(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.whose(token.strip()) if scheme.lower() == "bearer" else None

    def whose(self, token: str) -> Principal | None:
        """Return whose token this is; None for nobody's."""
        asked, found = sha256(token.encode("utf-8", "replace")).digest(), None
        for digest, principal, expires in self._tokens:
            if secrets.compare_digest(digest, asked) and (expires is None or datetime.now(UTC) < expires):
                found = principal
        return found


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ConfigurationError("bearer_tokens takes the SHA-256 of each token as 64 hexadecimal digits")
    return bytes.fromhex(value)


def _granted(value: object) -> tuple[Principal, datetime | None]:
    principal, expires = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    if not isinstance(principal, Principal):
        raise ConfigurationError(f"bearer_tokens takes a Principal for each token, not {principal!r}")
    if expires is not None and (not isinstance(expires, datetime) or expires.tzinfo is None):
        raise ConfigurationError(f"bearer_tokens takes a time with its zone for the end of a token, not {expires!r}")
    return principal, expires


class RequestUser:
    """An ``authorize`` that goes by ``request.user``, as Starlette's ``AuthenticationMiddleware`` sets it.

    ``principal`` gets the user once it is authenticated and returns a ``Principal``, or None for nobody; it may be
    async. The middleware must stand around the log browser.
    """

    def __init__(self, principal: Callable[[Any], Principal | Awaitable[Principal | None] | None]) -> None:
        if not callable(principal):
            raise ConfigurationError("request_user takes a callable that gets the user and returns a Principal or None")
        self._principal = principal

    def __call__(self, request: Request) -> Principal | Awaitable[Principal | None] | None:
        if "user" not in request.scope:
            raise LookupError("there is no request.user: put an AuthenticationMiddleware around the log browser")
        user = request.scope["user"]
        return self._principal(user) if getattr(user, "is_authenticated", False) is True else None


basic_auth = BasicAuth
bearer_tokens = BearerTokens
request_user = RequestUser
