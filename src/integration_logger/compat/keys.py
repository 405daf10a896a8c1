"""Who calls, by the credentials that clients of other products send."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.requests import Request

from integration_logger.errors import ConfigurationError
from integration_logger.viewer.access import Principal
from integration_logger.viewer.credentials import BearerTokens, Granted


class KeyAndToken:
    """An ``authorize`` that takes ``key`` and ``token`` from the query, or the token as a bearer token.

    ``tokens`` maps each key to the SHA-256 of its tokens, in hexadecimal, and these to a ``Principal``, whose tenants
    are the accounts that the token may read; or to a pair of it and the time at which the token expires.
    """

    hint = "key and token are missing, unknown or expired"
    challenge = 'Bearer realm="Logs"'

    def __init__(self, tokens: Mapping[str, Mapping[str, Granted]]) -> None:
        if not isinstance(tokens, Mapping) or not all(isinstance(key, str) for key in tokens):
            raise ConfigurationError("key_and_token takes each key with the SHA-256 of its tokens and their Principals")
        self._of_key = [(key, BearerTokens(of_key)) for key, of_key in tokens.items()]

    async def __call__(self, request: Request) -> Principal | None:
        key, token = request.query_params.get("key"), request.query_params.get("token")
        if key is None and token is None:
            return await self._anyone(request)
        found = None
        for known, tokens in self._of_key:
            if secrets.compare_digest(known.encode(), (key or "").encode("utf-8", "replace")):
                found = tokens.whose(token or "")
        return found

    async def _anyone(self, request: Request) -> Principal | None:
        found = None
        for _, tokens in self._of_key:
            found = await tokens(request) or found
        return found


key_and_token = KeyAndToken
