"""A tree with two alembic revisions, as any team has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ENV = """
from alembic import context
import sqlalchemy as sa

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""

FIRST = '''"""Make people."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "aaa1", None


def upgrade():
    print("a migration may print")
    op.create_table("people", sa.Column("id", sa.Integer, primary_key=True))
'''

SECOND = '''"""Give people a name."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "bbb2", "aaa1"


def upgrade():
    op.add_column("people", sa.Column("name", sa.String(40)))
'''


def make_alembic_tree(root: Path) -> Path:
    """Write alembic.ini, env.py and two revisions into the folder *root*."""
    versions = root / "alembic" / "versions"
    versions.mkdir(parents=True)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (root / "alembic" / "env.py").write_text(ENV)
    (versions / "aaa1_make_people.py").write_text(FIRST)
    (versions / "bbb2_name_people.py").write_text(SECOND)
    return root
