"""Where entries wait that cannot go to the spool."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

MEMORY_BYTES: Final = 16 * 1024 * 1024
"""The most that is held in memory."""


class MemoryQueue:
    """Entries in bounded memory, for those who go without a spool and for folders that cannot be written."""

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._payloads: deque[bytes] = deque()
        self._lock = threading.RLock()

    def append(self, payload: bytes) -> str | None:
        """Keep one encoded entry; return None, or why it was dropped."""
        with self._lock:
            if self.bytes + len(payload) > self.max_bytes:
                return "memory full"
            self._payloads.append(payload)
            self.bytes += len(payload)
        return None

    def peek(self, limit: int) -> list[bytes]:
        """Return the oldest entries without removing them."""
        with self._lock:
            return [*islice(self._payloads, limit)]

    def remove(self, payloads: Sequence[bytes]) -> None:
        """Remove entries that ``peek`` returned, unless another thread has done so meanwhile."""
        with self._lock:
            for payload in payloads:
                if not self._payloads or self._payloads[0] is not payload:
                    break
                self.bytes -= len(self._payloads.popleft())

    def clear(self) -> None:
        """Forget everything: in a forked child it is the parent's."""
        self._lock = threading.RLock()
        self._payloads.clear()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._payloads)
