"""Variables of a script as a tree that opens and closes without a script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from markupsafe import Markup

from integration_logger.viewer.pretty import chips

OPEN_LEVELS: Final = 4
OPEN_MEMBERS: Final = 20
"""What has more members is closed at first."""
DEEPEST: Final = 40
MOST_NODES: Final = 5_000


def variable_tree(variables: Any, reasons: dict[str, str]) -> Markup:
    """Return plain data as nested lists; ``reasons`` says for names why their value is masked."""
    return _Tree(reasons).members(variables if isinstance(variables, dict | list) else [variables], 0)


class _Tree:
    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons
        self._left = MOST_NODES

    def members(self, value: dict[str, Any] | list[Any], level: int) -> Markup:
        pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        items = Markup("").join(self._node(str(name), item, level) for name, item in pairs)
        return Markup("<ul>{}</ul>").format(items)

    def _node(self, name: str, value: Any, level: int) -> Markup:
        self._left -= 1
        if self._left < 0:
            return Markup("")
        key = Markup('<span class="j-key">{}</span>').format(chips(name))
        if not isinstance(value, dict | list) or not value or level >= DEEPEST:
            return Markup("<li>{}: {}</li>").format(key, self._leaf(name, value))
        is_open = level < OPEN_LEVELS and len(value) <= OPEN_MEMBERS
        return Markup('<li><details{}><summary>{} <span class="quiet">{}</span></summary>{}</details></li>').format(
            Markup(" open") if is_open else "", key, _size(value), self.members(value, level + 1)
        )

    def _leaf(self, name: str, value: Any) -> Markup:
        if isinstance(value, str):
            kind, text = "string", chips(value, self._reasons.get(name.lower()))
        elif value is None or isinstance(value, bool):
            kind, text = "word", chips({None: "null", True: "true", False: "false"}[value])
        else:
            kind, text = "number" if isinstance(value, int | float) else "quiet", chips(str(value))
        return Markup('<span class="j-{}">{}</span>').format(kind, text)


def _size(value: dict[str, Any] | list[Any]) -> str:
    noun = "name" if isinstance(value, dict) else "item"
    return f"{len(value)} {noun}" if len(value) == 1 else f"{len(value):,} {noun}s"
