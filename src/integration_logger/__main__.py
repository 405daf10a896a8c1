"""``python -m integration_logger`` is the command ``integration-logger``."""

from integration_logger.cli import main

main(prog_name="integration-logger")
