"""The ready-made decisions about access: passwords, bearer tokens, the user of the host."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import argon2
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from integration_logger.errors import ConfigurationError
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal, Viewer, basic_auth, bearer_tokens, local_only, request_user
from integration_logger.viewer.access import PERMISSIONS
from tests.viewer.server import Client

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USERS = {"ana": CHEAP.hash("päss:word"), "bo": CHEAP.hash("other")}


def who(app: Viewer, authorization: str | bytes | None) -> tuple[int, str | None]:
    """Return the status and the name under which a header lets in."""
    headers: Any = {} if authorization is None else {"authorization": authorization}
    answer = Client(app).get("/api/meta", headers=headers)
    return answer.status_code, answer.json()["principal"]["name"] if answer.is_success else None


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


# --- passwords ----------------------------------------------------------------------------------------


def test_the_right_password_lets_in_again_and_again() -> None:
    """The second time it is not verified anew, and still asked for."""
    app = Viewer(MemoryStore(), authorize=basic_auth(USERS))
    for _ in range(2):
        assert who(app, basic("ana:päss:word")) == (200, "ana")
        assert who(app, basic("ana:päss:word").replace("Basic", "bAsIc")) == (200, "ana")
        assert who(app, basic("ana:other")) == (401, None)
        assert who(app, basic("bo:päss:word")) == (401, None)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Basic ", "Basic !!!", "Basic YW5h", basic(":"), basic("ana:"), basic("ANA:päss:word"),
        basic("nobody:päss:word"), basic("ana:päss:word\x00"), basic("ana:" + "x" * 5000), "Basic /////w==",
        b"Basic \xff\xff", "Bearer " + basic("ana:päss:word")[6:],
    ],
    ids=range(15),
)  # fmt: skip
def test_all_else_does_not(header: Any) -> None:
    """Nothing, another scheme, what is not Base64 or UTF-8, and unknown names: 401, and the browser is told to ask."""
    app = Viewer(MemoryStore(), authorize=basic_auth(USERS))
    assert who(app, header) == (401, None)
    answer = Client(app).get("/")
    assert answer.headers["www-authenticate"] == 'Basic realm="Integration log", charset="UTF-8"'
    assert "Name and password are needed" in answer.text


def test_an_unknown_name_is_verified_like_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time of the answer does not tell which names there are."""
    verified: list[str] = []
    verify = argon2.PasswordHasher.verify
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *a: verified.append(a[1]) or verify(*a))
    app = Viewer(MemoryStore(), authorize=basic_auth(USERS))
    assert who(app, basic("nobody:päss:word")) == who(app, basic("ana:wrong")) == (401, None)
    assert len(verified) == 2


def test_each_user_is_a_principal_of_the_hosts_choice() -> None:
    """By default an owner of all; a user for whom there is none stays outside."""
    of_all = Client(Viewer(MemoryStore(), authorize=basic_auth(USERS)))
    answer = of_all.get("/api/meta", headers={"authorization": basic("bo:other")}).json()
    assert set(answer["principal"]["permissions"]) == set(PERMISSIONS)
    known = {"bo": Principal("Bo", role="supervisor", tenants=["acme"])}
    app = Viewer(MemoryStore(), authorize=basic_auth(USERS, known.get))
    assert who(app, basic("bo:other")) == (200, "Bo")
    assert who(app, basic("ana:päss:word")) == (401, None)


@pytest.mark.parametrize("wrong", [{}, {"ana": "secret"}, {"ana": ""}, {"ana": None}, ["ana"], None], ids=str)
def test_refuses_what_is_no_hash(wrong: Any) -> None:
    """A password in the clear is a mistake that shows at start, and is not repeated in the message."""
    with pytest.raises(ConfigurationError) as error:
        basic_auth(wrong)
    assert "secret" not in str(error.value)


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library it cannot be built."""
    monkeypatch.setitem(__import__("sys").modules, "argon2", None)
    with pytest.raises(ConfigurationError, match="basic-auth"):
        basic_auth(USERS)


# --- tokens of programs -------------------------------------------------------------------------------


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def test_a_known_token_lets_in_until_it_expires() -> None:
    """Each token is a principal of its own; one that has expired is 401 like one that never was."""
    ana, bo = Principal("ana", role="owner", tenants=ALL), Principal("bo", role="supervisor", tenants=["acme"])
    now = datetime.now(UTC)
    tokens = {
        digest("one"): ana,
        digest("two").upper(): (bo, now + timedelta(hours=1)),
        digest("old"): (ana, now - timedelta(seconds=1)),
    }
    app = Viewer(MemoryStore(), authorize=bearer_tokens(tokens))
    assert who(app, "Bearer one") == (200, "ana")
    assert who(app, "bearer  two") == (200, "bo")
    for wrong in (
        "Bearer old",
        "Bearer three",
        "Bearer",
        "Bearer one two",
        digest("one"),
        f"Bearer {digest('one')}",
        None,
    ):
        assert who(app, wrong) == (401, None)
    assert Client(app).get("/").headers["www-authenticate"] == 'Bearer realm="Integration log"'


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"token": Principal("a", role="owner", tenants=ALL)},
        {digest("a"): "ana"},
        {digest("a"): (Principal("a", role="owner", tenants=ALL), datetime(2030, 1, 1))},
        {digest("a"): (Principal("a", role="owner", tenants=ALL), "2030")},
    ],
    ids=range(5),
)
def test_refuses_what_is_no_token(wrong: Any) -> None:
    """A token in the clear, a missing principal, a time without zone."""
    with pytest.raises(ConfigurationError):
        bearer_tokens(wrong)


# --- the user of the host -----------------------------------------------------------------------------


class Header(AuthenticationBackend):
    """Signs in whom a header names."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.headers.get("x-user")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


@pytest.mark.parametrize("awaiting", [False, True], ids=["sync", "async"])
def test_the_user_of_the_host_is_the_reader(awaiting: bool) -> None:
    """Who is signed in to the host is asked about; who is not is nobody."""

    def sync(user: SimpleUser) -> Principal | None:
        return Principal(user.display_name, role="owner", tenants=ALL) if user.display_name != "eve" else None

    async def later(user: SimpleUser) -> Principal | None:
        return sync(user)

    browser = Viewer(MemoryStore(), authorize=request_user(later if awaiting else sync))
    host = Client(
        Starlette(routes=[Mount("/logs", browser)], middleware=[Middleware(AuthenticationMiddleware, Header())])
    )
    assert host.get("/logs/api/meta", headers={"x-user": "ana"}).json()["principal"]["name"] == "ana"
    assert host.get("/logs/api/meta", headers={"x-user": "eve"}).status_code == 401
    assert host.get("/logs/api/meta").status_code == 401


def test_without_the_middleware_nothing_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The log of the host says what is missing."""
    app = Viewer(MemoryStore(), authorize=request_user(lambda user: Principal("x", role="owner", tenants=ALL)))
    assert Client(app).get("/").status_code == 500
    assert "AuthenticationMiddleware" in caplog.text
    with pytest.raises(ConfigurationError):
        request_user(None)  # type: ignore[arg-type]


# --- a decision that was not made ---------------------------------------------------------------------


@pytest.mark.parametrize("uncalled", [local_only, basic_auth, bearer_tokens, request_user, Principal])
def test_what_was_not_called_is_refused(uncalled: Any) -> None:
    """The class instead of an instance would let in nobody, or fail at each request."""
    with pytest.raises(ConfigurationError, match="call it first"):
        Viewer(MemoryStore(), authorize=uncalled)
