"""Requests that change something must come from the reader's own page or program, not from another site.

A browser says where a request comes from (``Sec-Fetch-Site``, ``Origin``), and no page can forge that. On top of it a
browser must show a token that only pages of this log browser hold. The token is derived from the reader's name by
a key beside the log, so that any worker can check what another one gave out, and nothing is kept for a session.
"""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import Request

from integration_logger.errors import StoreError
from integration_logger.stores.base import Store
from integration_logger.stores.state import ABSENT

HEADER = "x-csrf-token"
FIELD = "csrf"
_KEY = "viewer/csrf-key"


class Tokens:
    """Gives out and checks the tokens of all readers of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key: bytes | None = None

    def of(self, name: str) -> str:
        """Return the token of the reader of this name. Raises ``StoreError``."""
        return hmac.new(self._shared_key(), name.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def is_of(self, token: object, name: str) -> bool:
        """Tell whether it is the reader's token, in a time that says nothing of how much of it is right."""
        return isinstance(token, str) and secrets.compare_digest(
            token.encode("utf-8", "replace"), self.of(name).encode()
        )

    def _shared_key(self) -> bytes:
        if self._key is None:
            state = self._store.state
            state.put(_KEY, secrets.token_bytes(32), expected=ABSENT)
            self._key = state.get(_KEY)
        if not self._key:
            raise StoreError("the key of the tokens went from the store while it was read")
        return self._key


def is_of_this_site(request: Request) -> bool:
    """Tell whether one of this site's own pages made the request, or a program; no other site can forge that."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or origin.partition("://")[2].lower() == request.headers.get("host", "").lower()


def is_part_of_other_page(request: Request) -> bool:
    """Tell whether a page of another site asks for it as its image, script or the like: nobody sees what comes."""
    elsewhere = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    return elsewhere and request.headers.get("sec-fetch-mode") == "no-cors"


_SENT_BY_ITSELF = ("basic", "digest", "negotiate", "ntlm")
"""Credentials that a browser adds to the requests of any page, as it does with cookies."""


def needs_token(request: Request) -> bool:
    """Tell whether a browser may have made the request with credentials that it adds by itself.

    No other site can have it send a bearer token, and what shows no sign of a browser comes from a program.
    """
    headers = request.headers
    scheme = headers.get("authorization", "").partition(" ")[0].lower()
    if scheme and scheme not in _SENT_BY_ITSELF:
        return False
    return any(name in headers for name in ("cookie", "origin", "sec-fetch-site"))
