"""The log in the host's own database: the host's migrations do not see its tables."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger.stores import open_store
from tests import postgresql
from tests.factories import make_entry

ENVIRONMENT = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
from integration_logger import include_object

metadata = MetaData()
Table("orders", metadata, Column("id", Integer, primary_key=True))

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata{option})
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""
TEMPLATE = '''
"""${message}"""
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
from alembic import op
import sqlalchemy as sa

def upgrade():
    ${upgrades if upgrades else "pass"}

def downgrade():
    ${downgrades if downgrades else "pass"}
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that already has a log."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/host.db"
        with closing(open_store(url)) as store:
            store.write([make_entry()])
        yield url
    else:
        with postgresql.fresh_database() as url:
            yield url


def run(folder: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def revision(url: str, option: str) -> str:
    """Return the migration that Alembic proposes to a host which has one table, not created yet."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "migrations/versions").mkdir(parents=True)
        address = url.replace("postgresql:", "postgresql+psycopg:").replace("%", "%%")
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = migrations\nsqlalchemy.url = {address}\n")
        (folder / "migrations/env.py").write_text(ENVIRONMENT.format(option=option))
        (folder / "migrations/script.py.mako").write_text(TEMPLATE)
        run(folder, "alembic", "revision", "--autogenerate", "-m", "first")
        [proposed] = (folder / "migrations/versions").glob("*.py")
        if option:
            run(folder, "alembic", "upgrade", "head")
            run(folder, "alembic", "check")
        return proposed.read_text()


def test_alembic_leaves_the_log_alone(url: str) -> None:
    """With ``include_object`` a migration has the host's tables alone, and running it changes nothing of the log."""
    proposed = revision(url, ", include_object=include_object")
    assert "create_table('orders'" in proposed
    assert "integration_log_" not in proposed
    with closing(open_store(url)) as store:
        store.write([make_entry()])


def test_alembic_would_drop_the_log(url: str) -> None:
    """Without it Alembic proposes to drop every table: what the test above is about."""
    assert "drop_table('integration_log_entries')" in revision(url, "")


DJANGO = """
import sys
from urllib.parse import urlsplit
import django
from django.conf import settings
from django.core.management import call_command

url = urlsplit(sys.argv[1])
sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.path[1:]}
server = {
    "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": url.username, "PASSWORD": url.password,
    "HOST": url.hostname, "PORT": url.port,
}
settings.configure(
    DATABASES={"default": sqlite if url.scheme == "sqlite" else server},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
call_command("makemigrations", "shop")
call_command("migrate", verbosity=0)
call_command("makemigrations", "--check", "--dry-run")
call_command("flush", interactive=False, verbosity=0)
"""


def test_django_leaves_the_log_alone(url: str, tmp_path: Path) -> None:
    """Its migrations know models only, and emptying its database empties the tables of models only."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/models.py").write_text(
        "from django.db import models\n\nclass Order(models.Model):\n    name = models.TextField()\n"
    )
    (tmp_path / "host.py").write_text(DJANGO)
    with closing(open_store(url)) as store:
        store.write([make_entry()])
        before = store.info().entries
        said = run(tmp_path, "host", url)
        assert "Create model Order" in said
        assert "No changes detected" in said
        [migration] = (tmp_path / "shop/migrations").glob("0*.py")
        assert "integration_log" not in migration.read_text()
        assert store.info().entries == before
