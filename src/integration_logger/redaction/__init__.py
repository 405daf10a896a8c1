"""Masking of secrets, before anything is written."""

from integration_logger.redaction.redactor import Redactor

__all__ = ["Redactor"]
