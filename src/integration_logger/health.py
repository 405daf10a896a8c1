"""How the logging itself is doing: what was kept, what was lost and why."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since this process began, and what is wrong now."""

    captured: int = 0
    """Entries put on the spool, or in memory where there is none."""
    dropped: dict[str, int] = {}
    """Entries lost, by reason: ``spool full``, ``memory full``, ``too large``, ``no store`` …"""
    discarded: int = 0
    """Entries that a processor left out."""
    failed: int = 0
    """Failures of logging itself; each may have cost an entry."""
    redaction_failed: int = 0
    """Entries whose content was left out because it could not be redacted."""
    labels_failed: int = 0
    """Entries without the host's labels, because its callable raised."""
    shipped: int = 0
    """Entries that this process wrote to the store, other processes' of the same spool included."""
    rejected: int = 0
    """Entries that the store or the codec refused; they lie in the spool's ``rejected`` folder."""
    corrupt: int = 0
    """Damaged stretches of the spool that were set aside."""
    backlog_bytes: int = 0
    """Bytes that wait for the store."""
    durable: bool = True
    """Entries outlive the death of this process."""
    problems: tuple[str, ...] = ()
    """What is wrong now, in words."""
