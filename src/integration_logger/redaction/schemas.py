"""Descriptions of data, which name secrets without having any: JSON Schema and OpenAPI."""

from __future__ import annotations

from typing import Final

import msgspec

_PARENTS: Final = frozenset((
    b"properties", b"schemas", b"definitions", b"$defs", b"securitySchemes", b"securityDefinitions", b"flows",
))  # fmt: skip
_TYPES: Final = frozenset((
    b'"string"', b'"number"', b'"integer"', b'"boolean"', b'"object"', b'"array"', b'"null"', b'"apiKey"', b'"http"',
    b'"oauth2"', b'"openIdConnect"', b'"mutualTLS"', b'"basic"',
))  # fmt: skip
_KEYWORDS: Final = frozenset((
    "type", "title", "description", "format", "minLength", "maxLength", "pattern", "minimum", "maximum", "items",
    "properties", "required", "additionalProperties", "anyOf", "allOf", "oneOf", "not", "$ref", "nullable", "readOnly",
    "writeOnly", "deprecated", "flows", "scheme", "bearerFormat", "in", "name", "scopes", "tokenUrl",
    "authorizationUrl", "refreshUrl", "openIdConnectUrl",
))  # fmt: skip
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_schema(parent: bytes | None, data: bytes) -> bool:
    """Tell whether an object, within another one called so, only describes what its name stands for."""
    if parent not in _PARENTS:
        return False
    try:
        members = {name: bytes(value) for name, value in _members(data).items()}
    except (msgspec.DecodeError, UnicodeError):
        return False
    if members.pop("default", b"null") != b"null":
        return False
    return bool(members) and members.keys() <= _KEYWORDS and members.get("type", b'"string"') in _TYPES
