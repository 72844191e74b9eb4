"""Faults of a machine: its disk and its clocks."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from battle import Battle
from fault_table import POSTGRES, SQLITE, fault
from hurt_service import end

A_WHILE = 6.0
AN_HOUR = 3600.0
CHUNK = 64 * 1024


def fill(folder: Path) -> Path:
    """Leave no byte on the disk of a folder; returns the file that has them."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (CHUNK, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


@fault(
    "the disk is full",
    "a small file system under the data folder is filled for 6 s while tasks end",
    "results are held, callers get 503; written once there is room",
)
def disk_full(battle: Battle) -> Iterator[None]:
    filler = fill(battle.service.data)
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(A_WHILE)
    filler.unlink()
    yield


@fault(
    "the data folder is read-only",
    "a power cut; it comes back read-only, and is mended",
    "`up` refuses and says why; nothing is lost",
)
def read_only(battle: Battle) -> Iterator[None]:
    service = battle.service
    service.kill()
    service.ports.store.dispose()  # nobody may have a file open to write
    mount = ("mount", "-o", "remount,ro")
    subprocess.run([*mount, str(service.data)], check=True)
    refused = subprocess.run(
        service.command,
        cwd=service.folder,
        env=service.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    subprocess.run(["mount", "-o", "remount,rw", str(service.data)], check=True)
    assert refused.returncode != 0
    assert "cannot be" in refused.stderr, refused.stderr
    service.start()
    yield


@fault(
    "workers' clocks are minutes apart",
    "one crew worker is 7 minutes ahead, another 5 behind; one is killed with a task",
    "leases are of the database's clock: they lapse when they would",
    databases=(POSTGRES,),
)
def clocks_apart(battle: Battle) -> Iterator[None]:
    service = battle.service
    service.turn_clock("crews", 420)
    service.turn_clock("others", -300)
    second = service.second_worker("behind", FAULT_ROLE="others")
    battle.begin_meanwhile(["crew", "plain_flow"])
    for each in service.children():
        each.kill()
    battle.release()
    battle.all_begun()
    time.sleep(A_WHILE)
    yield
    end(second)
    for kind in ("crews", "others"):
        service.turn_clock(kind, 0)


@fault(
    "a worker's clock jumps an hour both ways",
    "forwards, then back to an hour behind, then right, in the middle of tasks",
    "nobody asks it",
    databases=(POSTGRES,),
)
def worker_jumps(battle: Battle) -> Iterator[None]:
    for seconds in (AN_HOUR, -AN_HOUR):
        battle.service.turn_clock("crews", seconds)
        battle.begin_meanwhile(["crew"])
        time.sleep(2)
    battle.release()
    battle.all_begun()
    yield
    battle.service.turn_clock("crews", 0)


def machine_jumps(seconds: float, battle: Battle) -> Iterator[None]:
    """All processes of one machine: with SQLite theirs is the database's clock."""
    kinds = ("crews", "api", "webhooks", "intake", "sweep")
    for kind in kinds:
        battle.service.turn_clock(kind, seconds)
    battle.begin_meanwhile(["crew", "plain_flow"])
    time.sleep(2)
    battle.release()
    battle.all_begun()
    time.sleep(A_WHILE)
    yield
    for kind in kinds:
        battle.service.turn_clock(kind, 0)


def database_jumps(seconds: float, battle: Battle) -> Iterator[None]:
    """PostgreSQL's own clock: its function is overlaid by one that is wrong."""
    server = battle.service.own_postgres
    assert server is not None

    def turn(wrong_by: float) -> None:
        server.execute(
            "CREATE SCHEMA IF NOT EXISTS turned",
            "GRANT USAGE ON SCHEMA turned TO PUBLIC",
            "CREATE OR REPLACE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
            f"AS $$ SELECT pg_catalog.clock_timestamp() + interval '{wrong_by} s' $$",
            "ALTER DATABASE hurt SET search_path = turned, pg_catalog, public",
            database="hurt",
        )
        server.cut_connections()

    turn(seconds)
    battle.begin_meanwhile(["crew", "plain_flow"])
    time.sleep(2)
    battle.release()
    battle.all_begun()
    time.sleep(A_WHILE)
    yield
    turn(0)


for _seconds, _way in ((AN_HOUR, "forwards"), (-AN_HOUR, "back")):
    for _database, _bring in ((SQLITE, machine_jumps), (POSTGRES, database_jumps)):
        fault(
            f"the database's clock jumps an hour {_way}",
            "and the same the other way, later",
            "leases begin anew; what was due is due",
            databases=(_database,),
        )(partial(_bring, _seconds))

CAN_MOUNT = os.geteuid() == 0
"""Whether a disk of our own can be had: the faults of disks need one."""
