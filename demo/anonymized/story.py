"""The story: a dump of a database in the middle of a change, made shareable, and used."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cloud.generate import fill
from demo.anonymized.check import check, pair
from demo.application import engine_of

if TYPE_CHECKING:
    from demo.anonymized.native import Native
    from demo.check import Checked
    from demo.terminal import Terminal

ROOT = Path(__file__).parent.parent.parent
SHOWN = 9
"""The instance that is shown: it is deleted, and has all that can be masked."""
ACCEPTED = ("instance_extra.numa_topology", "fixed_ips.cidr")
"""What `prove` leaves to a person, on every database."""
SETTINGS = """\
[tool.migrator]
manifest = "{root}/versions.json"

[tool.anonymizer]
models = ["cloud.kilo"]
policy = "{root}/cloud/anonymizer.toml"
secret = "secret"
"""
DONE, NOT_DONE, REFUSED, SURVIVED = 0, 1, 3, 3
FINGERPRINTS = re.compile(r"([\d,]+)\s+fingerprints")
WITHOUT_COLUMNS = "sed '/^Columns/,$d'"


class StoryError(Exception):
    """The story went another way than it was told."""


class Story:
    """One telling, on the databases of *native*, with all files in *folder*."""

    def __init__(self, terminal: Terminal, *, native: Native, folder: Path, rows: int) -> None:
        self.terminal = terminal
        self.native = native
        self.folder = folder
        self.rows = rows
        self.engines = [engine_of(url) for url in native.urls]
        self.fingerprints = 0

    def close(self) -> None:
        """Let go of the databases."""
        for each in self.engines:
            each.dispose()

    def tell(self) -> list[Checked]:
        """Tell it from beginning to end and return what was checked."""
        (self.folder / "pyproject.toml").write_text(SETTINGS.format(root=ROOT), encoding="utf-8")
        self.before()
        self.decide()
        self.mask()
        self.prove()
        self.restore()
        checked = self.compare()
        self.catch()
        self.use()
        self.terminal.title("What was checked")
        self.terminal.table(checked)
        return checked

    def before(self) -> None:
        """Make a database that is in the middle of a change."""
        self.terminal.title("Production: a small cloud, in the middle of a change")
        self.run("migrator sync --version juno | tail -n 1")
        with self.engines[0].begin() as connection:
            written = fill(connection, self.rows)
        self.run("migrator sync --version kilo | tail -n 1")
        some = self.rows // 2
        self.run(f"migrator online-migrate --max-count {some} | tail -n 9", NOT_DONE)
        self.terminal.say(
            f"""
            {sum(written.values()):,} rows: names that customers gave, addresses, hosts. Some
            values have moved to their new columns, most have not. Whoever wants to know how
            long the next migration takes needs such a database, and may not have this one.
            """
        )

    def decide(self) -> None:
        """Dump, and look whether a decision is made on every column of the dump."""
        first, second = self.native.dumps
        self.terminal.title("Decide: a mask, or a reason, for every column")
        for dump in (first, second):
            if dump.made:
                self.run(dump.made)
        self.terminal.say(
            """
            The decisions stand in the models, as cloud/kilo.py has them:

            host: Mapped[str | None] = mapped_column(String(255), info=mask.host_name())

            Columns that no model maps, the old ones and migrator's own tables, are decided on
            in cloud/anonymizer.toml. A column without a decision would be an error here.
            """
        )
        self.run(f"anonymizer check --dump {first.path} | fold -s")

    def mask(self) -> None:
        """Make a secret, and mask both dumps by it."""
        self.terminal.title("Mask")
        self.run("anonymizer key secret")
        first, second = self.native.dumps
        self.run(f"anonymizer mask {first.path} {first.masked}{first.options}")
        self.run(f"anonymizer mask {second.path} {second.masked}{second.options} 2>&1 | tail -n 1")
        self.terminal.say(
            """
            Whoever has the secret can find out who is behind a pseudonym; it stays here. With
            --one-way nobody could, and no later dump would have the same pseudonyms.
            """
        )

    def prove(self) -> None:
        """Look for every masked value in the output, and accept what a person has looked at."""
        self.terminal.title("Prove: no masked value is anywhere in the output")
        first = self.native.dumps[0]
        self.run(f"anonymizer prove {first.path} {first.masked} | {WITHOUT_COLUMNS}", NOT_DONE)
        accepted = (*self.native.accepted, *ACCEPTED)
        self.terminal.say(
            """
            Nothing survived. What it cannot tell, prove leaves to a person, and exits with 1.
            That person looked: 0.0.0.0/0 is the only network of its size, so it stays itself,
            and {} in numa_topology says nothing of anybody.
            """
        )
        if self.native.accepted:
            self.terminal.say(
                """
                Ids are too short to be looked for, and rows lie in the order of their key here,
                which is masked, so they cannot be compared one by one.
                """
            )
        more = "".join(f" \\\n    --accept {each}" for each in accepted)
        self.run(f"anonymizer prove {first.path} {first.masked}{more} > report")
        self.run("head -n 3 report")
        report = (self.folder / "report").read_text(encoding="utf-8")
        found = FINGERPRINTS.search(report)
        if found is None:
            raise StoryError("the report of prove says no number of fingerprints")
        self.fingerprints = int(found[1].replace(",", ""))

    def restore(self) -> None:
        """Restore both dumps with the database's own programs."""
        self.terminal.title("Restore: by the database's own programs")
        for dump in self.native.dumps:
            if dump.restored:
                self.run(dump.restored)
        self.run('migrator --database "$COPY" status --no-count | tail -n +2')

    def compare(self) -> list[Checked]:
        """Show one row of both sides, and compare the rest."""
        self.terminal.title("Before and after")
        with self.engines[0].connect() as before, self.engines[1].connect() as after:
            self.terminal.sides(pair(before, after, SHOWN))
        self.terminal.say(
            """
            A soft-deleted row still has its own id in deleted. Hosts of one rack, and addresses
            of one network, are still of one. Such output is for who may see the original:
            anonymizer diff shows the same, on a terminal only.
            """
        )
        return list(check(*self.engines))

    def catch(self) -> None:
        """Put one name back, and have it found."""
        self.terminal.title("Would it tell? One name is put back")
        with self.engines[0].connect() as before, self.engines[2].begin() as after:
            query = sa.text("SELECT display_name FROM instances WHERE id = :id")
            name = before.scalar(query, {"id": SHOWN})
            change = sa.text("UPDATE flavors SET name = :name WHERE id = 1")
            after.execute(change, {"name": f"was for {name}"})
        found = f'anonymizer prove {self.native.dumps[0].path} "$AGAIN" | head -n 8'
        self.run(found, SURVIVED)

    def use(self) -> None:
        """Run on the copy what is due on the original."""
        self.terminal.title("Use it: what is due in production, tried on the copy")
        self.run('migrator --database "$COPY" online-migrate | tail -n 11', NOT_DONE, REFUSED)
        with self.engines[1].begin() as connection:
            connection.execute(sa.text("UPDATE instances SET task_state = NULL"))
        self.terminal.say("The tasks end, the last rows move, and the guard lets go.")
        self.run('migrator --database "$COPY" online-migrate | tail -n 10')
        self.run('migrator --database "$COPY" guard 12')
        self.run('migrator --database "$COPY" sync --version liberty | tail -n 8')

    def run(self, line: str, *expect: int) -> None:
        """Run *line*, which has to exit as the story has it: with 0 where nothing is said."""
        code = self.terminal.shell(self.folder, line, self._environment())
        if code not in (expect or (DONE,)):
            wanted = " or ".join(map(str, expect or (DONE,)))
            raise StoryError(f"{line.split()[0]} exited with {code}, not {wanted}")

    def _environment(self) -> dict[str, Any]:
        path = (str(Path(sys.executable).parent), os.environ["PATH"])
        return {
            **self.native.variables,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": str(ROOT),
            "MIGRATOR_DATABASE_URL": self.native.urls[0],
        }
