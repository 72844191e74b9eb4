"""A whole copy of the database while it is in use, and a database made from one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from sqlalchemy import URL, inspect, make_url

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.errors import CannotBackUp, CannotRestore

_BESIDE = ("-wal", "-shm")
"""Files that SQLite has beside a database that is open."""


def back_up(url: str, file: Path) -> None:
    """Write a copy of the database to the file, readable to its owner only.

    It holds everything that was committed before it began. SQLite's is checked; a file of that name
    is replaced once the copy is whole, and left as it was where it does not come about. Raises
    CannotBackUp.
    """
    target = make_url(url)
    database = _sqlite_file(target)
    try:
        with _draft(file) as draft:
            if database is None:
                _run(_tool("pg_dump", file), "--format=custom", f"--file={draft}", target=target)
            else:
                _copy(database, draft)
                _require_whole(draft)
    except (OSError, sqlite3.Error, _ToolFailed) as error:
        raise CannotBackUp(f"There is no backup in {file}: {error}") from error


def restore(url: str, file: Path) -> Path | None:
    """Put what the file holds in the place of the database; returns where that was put aside.

    SQLite's is put beside it, where there was one; PostgreSQL's has to be an empty database. Raises
    CannotRestore while anybody has the database open, and where the file is no whole backup.
    """
    target = make_url(url)
    database = _sqlite_file(target)
    if not file.is_file():
        raise CannotRestore(f"There is no file {file}")
    try:
        if database is None:
            _restore_into_postgres(url, file)
            return None
        return _restore_sqlite(database, file)
    except (OSError, sqlite3.Error, _ToolFailed) as error:
        raise CannotRestore(f"{file} was not restored: {error}") from error


class _ToolFailed(Exception):
    """A tool of PostgreSQL ended with an error; the message is what it printed."""


def _sqlite_file(target: URL) -> Path | None:
    """The file of a SQLite database, None for another database."""
    if target.get_backend_name() != "sqlite":
        return None
    name = (target.database or "").removeprefix("file:").partition("?")[0]
    return Path(name).absolute()


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """A file beside it, mode 0600, which gets its name once all is written and safe."""
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f"{file.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        _sync(draft)
        draft.replace(file)
        _sync(file.absolute().parent)
    finally:
        for each in (draft, *(Path(f"{draft}{end}") for end in _BESIDE)):
            each.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy(database: Path, draft: Path) -> None:
    """In one step: it sees one moment, keeps no writer waiting, and never has to begin again."""
    if not database.exists():
        raise FileNotFoundError(f"there is no database {database}")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(draft)) as copy:
        source.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # so that the copy is one file


def _require_whole(file: Path) -> None:
    """Raise what is wrong with a copy."""
    with _untouched(file) as copy:
        (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged ({found})")


def _revision_in(file: Path) -> str | None:
    """The revision of a backup, None for a file that is none of ours."""
    with _untouched(file) as copy:
        if not copy.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone():
            return None
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
    return revision


def _untouched(file: Path) -> closing[sqlite3.Connection]:
    """Open a backup to read it: its bytes stay as they are, and it may be read-only."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True))


def _restore_sqlite(database: Path, file: Path) -> Path | None:
    if database.exists() and file.samefile(database):
        raise CannotRestore(f"{file} is the database itself")
    _require_whole(file)
    _require_known(_revision_in(file), file)
    _require_unused(database)
    with _draft(database) as draft:
        shutil.copyfile(file, draft)
        if not database.exists():
            return None
        aside = _free_name_beside(database)
        for end in _BESIDE:  # what a crash left there belongs to the database of before
            with suppress(FileNotFoundError):
                Path(f"{database}{end}").replace(f"{aside}{end}")
        os.link(database, aside)
    return aside


def _free_name_beside(database: Path) -> Path:
    """Where it is put aside: what an earlier restore put there may have what no backup has."""
    first = database.with_name(f"{database.name}.before-restore")
    names = chain([first], (Path(f"{first}.{number}") for number in count(2)))
    return next(name for name in names if not _is_taken(name))


def _is_taken(name: Path) -> bool:
    return any(Path(f"{name}{end}").exists() for end in ("", *_BESIDE))


def _require_unused(database: Path) -> None:
    """Raise CannotRestore while any process has it open; a damaged one is nobody's."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=1)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # takes the last user to do
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                return
            raise CannotRestore(
                "The service runs: stop every process of it first, and then restore"
            ) from error
        except sqlite3.DatabaseError:
            return


def _require_known(revision: str | None, file: Path) -> None:
    """Raise CannotRestore for a backup that is none of ours, or of a newer version."""
    if revision is None:
        raise CannotRestore(f"{file} is no backup of Crew Orchestrator")
    if not migrate.is_known(revision):
        raise CannotRestore(
            f"{file} is at revision {revision}, which this version does not know: restore it with "
            "the version that wrote it, or a newer one"
        )


def _restore_into_postgres(url: str, file: Path) -> None:
    engine = make_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if tables:
        raise CannotRestore(
            "The database is not empty. Make a new one (createdb), set ORCHESTRATOR_DATABASE_URL "
            "to it for this command, and then for every process: the old one stays as it is"
        )
    target = make_url(url)
    tool = _tool("pg_restore", file)
    _run(
        tool,
        "--no-owner",
        "--single-transaction",
        "--dbname",
        _address(target),
        str(file),
        target=target,
        dbname=False,
    )
    _require_known(migrate.current(url), file)


def _tool(name: str, file: Path) -> str:
    found = shutil.which(name)
    if found is None:
        by_hand = {
            "pg_dump": f"pg_dump --format=custom --file={file} DATABASE_URL",
            "pg_restore": "pg_restore --no-owner --single-transaction "
            f"--dbname=DATABASE_URL {file}",
        }
        raise _ToolFailed(
            f"{name} is not on the PATH. Install PostgreSQL's client, or run where it is: "
            f"{by_hand[name]}"
        )
    return found


def _run(tool: str, *options: str, target: URL, dbname: bool = True) -> None:
    """Run a tool of PostgreSQL. The password goes by the environment, which `ps` does not show."""
    where = ("--dbname", _address(target)) if dbname else ()
    password = {"PGPASSWORD": str(target.password)} if target.password else {}
    ended = subprocess.run(  # noqa: S603 - found on the PATH, given our own settings
        [tool, *options, *where],
        env={**os.environ, **password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise _ToolFailed(" ".join(ended.stderr.split())[:500])


def _address(target: URL) -> str:
    plain = target.set(drivername="postgresql", password=None)
    return plain.render_as_string(hide_password=False)
