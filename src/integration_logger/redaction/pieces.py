"""Pieces of text that language models and search engines call tokens: beside one stands how likely it is, or where."""

from __future__ import annotations

import re
from typing import Final

_REACH: Final = 256
_NAMED: Final = frozenset((b"token", b"decoded_token"))
_SCALAR: Final = rb"""(?:-?[0-9][0-9.eE+-]*+|null|\[[0-9,\s]*+\]|"(?:[^"\\]|\\.){0,64}+")"""
_MARK: Final = rb'"(?:logprob|log_probability|logProbability|start_offset)"\s*+:\s*+-?[0-9]'
_MEMBER: Final = rb'"\w{1,32}+"\s*+:\s*+%b\s*+' % _SCALAR
_AFTER: Final = re.compile(rb'"(?:[^"\\]|\\.){0,64}+"\s*+,\s*+(?:%b,\s*+){0,3}?%b' % (_MEMBER, _MARK), re.DOTALL)
_BEFORE: Final = re.compile(rb'[{,]\s*+%b[0-9.eE+-]*+\s*+,\s*+(?:%b,\s*+){0,3}"\w{5,13}"\s*+:\s*+\Z' % (_MARK, _MEMBER))


def is_piece(data: bytes, name: bytes, start: int) -> bool:
    """Tell whether the value that begins there, of this name, is a piece of text."""
    if name not in _NAMED or data[start : start + 1] != b'"':
        return False
    if _AFTER.match(data, start, start + _REACH):
        return True
    return _BEFORE.search(data, max(0, start - _REACH), start) is not None
