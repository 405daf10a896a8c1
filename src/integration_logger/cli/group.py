"""How the command fails: in one line that says what to do."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from integration_logger.cli import terminal
from integration_logger.errors import ConfigurationError, IntegrationLoggerError, QueryError


class Commands(click.Group):
    """A group of commands whose failures are one line that says what to do: status 2 for usage, 1 for all else."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            status = _complain(error.format_message(), error.exit_code)
        except (ConfigurationError, QueryError) as error:
            status = _complain(str(error), click.UsageError.exit_code)
        except (IntegrationLoggerError, OSError) as error:
            status = _complain(str(error), 1)
        except click.Abort:
            status = 130
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            text = f"{type(error).__name__}: {error} (a fault; python -X dev -m integration_logger shows where)"
            status = _complain(text, 1)
        sys.exit(status)


def _complain(message: str, status: int) -> int:
    text = terminal.line(" ".join(message.split()))
    click.echo(f"{click.style('integration-logger:', fg='red')} {text}", err=True, color=colour())
    return status


def colour() -> bool | None:
    """False where NO_COLOR asks for that; None leaves it to what the output goes to."""
    return False if os.environ.get("NO_COLOR") else None
