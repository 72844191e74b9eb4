"""What ``orchestrator doctor`` checks: what is wrong, and how to mend it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import requests
from kombu.exceptions import KombuError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.adapters.celery import (
    BROKER_PATIENCE,
    dropping_policy,
    make_celery,
    queue_lengths,
    write_something,
)
from orchestrator.adapters.sql import migrate
from orchestrator.adapters.sql.engine import lacks_write_ahead_log
from orchestrator.cli.application import settings_with
from orchestrator.cli.mail_checks import mail_findings
from orchestrator.errors import OrchestratorError
from orchestrator.settings import Settings, make_data_folder, require_writable
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.wiring import connection_limits, make_ports

FULL_QUEUE = 1000
"""Messages in one queue that are too many: the database has the work, messages only wake."""

LEAST_FREE = 256
"""MiB on the data folder's disk that are too few: SQLite and the broker's log need room to work."""

SECONDS_TO_ANSWER = 5.0

_MAKE_ROOM = "Make room on the disk of {}"


def findings(**given: object) -> Iterator[Finding]:
    """Check from the ground up; what stands on something broken is not checked."""
    try:
        settings = settings_with(**given)
    except OrchestratorError as error:
        yield Finding("settings", error.message.rstrip("."), "Correct it in the environment")
        return
    yield from _settings(settings)
    yield from _data_folder(settings)
    if settings.keeps_data_here and not settings.data.exists():
        return  # there is nothing to look into
    yield _broker(settings)
    yield from _public_url(settings)
    yield from mail_findings(settings)
    database = _database(settings)
    yield database
    if not database.is_wrong:
        yield from _inside(settings)


def _settings(settings: Settings) -> Iterator[Finding]:
    shared = settings.database_url is not None and not settings.database_url.startswith("sqlite")
    if shared and settings.secret_key is None:
        mend = "Set the same ORCHESTRATOR_SECRET_KEY for every process"
        yield Finding("settings", "each machine would make an encryption key of its own", mend)
    if shared and settings.broker_url is None:
        mend = "Set ORCHESTRATOR_BROKER_URL for every process"
        yield Finding("settings", "the database is shared, the broker is this machine's own", mend)
    yield Finding("settings", f"data in {settings.data}, deployments in {settings.deployments}")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    if not settings.keeps_data_here:
        return
    if not settings.data.exists():
        missing = "`orchestrator up` makes it; or name another with ORCHESTRATOR_DATA"
        yield Finding("data", f"there is no folder {settings.data}", missing)
        return
    try:
        make_data_folder(settings.data)  # says what is wrong with one that is none
        require_writable(settings.data)
    except OrchestratorError as error:
        is_full = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC
        mend = _MAKE_ROOM.format(settings.data) if is_full else "Then restart every process"
        yield Finding("data", error.message.rstrip("."), mend)
        return
    yield _room("data", settings.data)
    elsewhere = make_url(settings.resolved_database_url)
    folder = Path(elsewhere.database or "").absolute().parent
    if elsewhere.get_backend_name() == "sqlite" and folder != settings.data and folder.exists():
        yield _room("database", folder)


def _room(check: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free // 1024**2
    mend = _MAKE_ROOM.format(folder) if free < LEAST_FREE else None
    return Finding(check, f"{free} MiB are free on its disk", mend)


def _broker(settings: Settings) -> Finding:
    app = make_celery(settings.resolved_broker_url, patience=SECONDS_TO_ANSWER)
    try:
        lengths = queue_lengths(app)
    except (KombuError, OSError) as error:
        mend = "Start it (`orchestrator up` brings one), or correct ORCHESTRATOR_BROKER_URL"
        return Finding("broker", f"cannot be reached: {error}", mend)
    try:
        write_something(app)
        drops = dropping_policy(app)
    except (KombuError, OSError) as error:
        mend = "Give it memory, room on its disk, or name the one that is written: is it a replica?"
        return Finding("broker", f"takes no messages: {error}", mend)
    if drops:
        says = f"when its memory is full it drops messages, those of producers too ({drops})"
        return Finding("broker", says, "Set its maxmemory-policy noeviction")
    if not _answers_in_time(settings):
        says = f"answers later than after the {BROKER_PATIENCE:g} s that whoever publishes waits"
        return Finding("broker", says, "Bring it nearer, or find what holds it up: jobs wait")
    says = ", ".join(f"{queue} {length}" for queue, length in lengths.items())
    full = [queue for queue, length in lengths.items() if length > FULL_QUEUE]
    more = f"Start more workers on: {', '.join(full)}" if full else None
    return Finding("broker", f"messages that wait: {says}", more)


def _answers_in_time(settings: Settings) -> bool:
    try:
        write_something(make_celery(settings.resolved_broker_url, patience=BROKER_PATIENCE))
    except (KombuError, OSError):
        return False
    return True


def _public_url(settings: Settings) -> Iterator[Finding]:
    """Knock at our own door from outside; the operator named it, so it needs no guard."""
    if settings.public_url is None:
        yield Finding("public URL", "not set: links in webhooks lead to this machine only")
        return
    mend = "Correct ORCHESTRATOR_PUBLIC_URL, or what stands between it and the API"
    url = f"{settings.public_url}/livez"
    try:
        status = requests.get(url, timeout=SECONDS_TO_ANSWER).status_code
    except requests.RequestException as error:
        yield Finding("public URL", f"{url} cannot be reached: {type(error).__name__}", mend)
        return
    says = f"{url} answers {status}"
    yield Finding("public URL", says, None if status == requests.codes.ok else mend)


def _database(settings: Settings) -> Finding:
    url, limits = settings.resolved_database_url, connection_limits(settings)
    try:
        found, needed = migrate.current(url, limits), migrate.head()
    except (SQLAlchemyError, OSError) as error:
        is_file = make_url(url).get_backend_name() == "sqlite"  # a full disk is an I/O error there
        start = "Start it, have it take more connections"
        if is_file:
            start = "Make room on its disk, see to it that it may be read"
        mend = f"{start}, or correct ORCHESTRATOR_DATABASE_URL"
        why = " ".join(str(getattr(error, "orig", error)).split())[:200]
        return Finding("database", f"cannot be read: {why}", mend)
    except OrchestratorError as error:
        return Finding("database", error.message, "Then restart every process")
    newer = not migrate.is_known(found)
    if found != needed and not newer:
        says = f"is at revision {found or 'none'}, this version needs {needed}"
        return Finding("database", says, "Run: orchestrator migrate")
    try:
        migrate.write_something(url, limits)
    except (SQLAlchemyError, OSError) as error:
        mend = "Make room on its disk, or see to it that it may be written: is it a replica?"
        why = " ".join(str(error).split())[:200]
        return Finding("database", f"cannot be written: {why}", mend)
    if lacks_write_ahead_log(url):
        says = "SQLite keeps no write-ahead log there: whoever reads and whoever writes must wait"
        return Finding("database", says, "Keep it on a disk of this machine, or use PostgreSQL")
    says = f"is at revision {found}"
    return Finding("database", f"{says}, of a newer version than this one" if newer else says)


def _inside(settings: Settings) -> Iterator[Finding]:
    try:
        ports = make_ports(settings)
    except OrchestratorError as error:
        says = error.message.rstrip(".")
        yield Finding("settings", says, "Correct it, then restart every process")
        return
    try:
        yield from examine(ports)
    finally:
        ports.store.dispose()
