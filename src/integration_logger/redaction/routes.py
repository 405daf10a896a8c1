"""Secrets in the path of a URL, where the template of its route names them: ``/reset/{token}``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from integration_logger.redaction.edits import Edit

if TYPE_CHECKING:
    from integration_logger.redaction.names import Names

# {token} and {rest:path} of Starlette, <token> and <path:rest> of Flask.
_PARAMETER: Final = re.compile(r"\{(\w+)(?::(\w+))?\}|<(?:(\w+):)?(\w+)>")


def hides(route: str, names: Names) -> bool:
    """Tell whether the route has a sensitive parameter."""
    return any(names.sensitive(name) for name in _read(route)[0])


def edits(url: bytes, route: str, names: Names) -> list[Edit]:
    """Return the edits for the sensitive parameters of the route."""
    parameters, path = _read(route)
    sensitive = [index for index, name in enumerate(parameters, 1) if names.sensitive(name)]
    match = path.search(url) if sensitive else None
    return [Edit(*match.span(index), parameters[index - 1], "name") for index in sensitive] if match else []


@lru_cache(maxsize=512)
def _read(route: str) -> tuple[list[bytes], re.Pattern[bytes]]:
    """Return the names of a route's parameters, and the pattern that finds their values at the end of a path."""
    names: list[bytes] = []
    pattern, position = "", 0
    for match in _PARAMETER.finditer(route):
        names.append((match[1] or match[4]).encode())
        several = "path" in (match[2], match[3])
        pattern += re.escape(route[position : match.start()]) + ("([^?#]*)" if several else "([^/?#]*)")
        position = match.end()
    return names, re.compile((pattern + re.escape(route[position:]) + r"(?=[?#]|\Z)").encode())
