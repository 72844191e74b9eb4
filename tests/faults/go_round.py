"""Break everything of the table, round after round with new seeds, and count: ``make faults``.

Prints the table of faults against counts, and writes it to a file as Markdown. Ends with status 1
where something that was promised did not hold.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fault_table import BOTH, Fault
from fight import CAN_MOUNT, Came, faults_for, fight, told
from hurt_service import HurtService
from random_flows import dice
from receiver import Receiver
from tabulate_faults import table

UNITS = {"s": 1, "m": 60, "h": 3600}
ROUNDS_OF_ONE_SERVICE = 40
"""After so many a new one begins, on new data: logs and tables do not grow for ever."""


def seconds(text: str) -> float:
    """Read ``90s``, ``20m`` or ``8h``."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 20m or 8h")
    return int(found[1]) * UNITS[found[2]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--for", dest="lasts", type=seconds, default=seconds("10m"))
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--only", default="", help="faults with these words in their name")
    parser.add_argument("--on", choices=BOTH, action="append", help="databases; both by default")
    parser.add_argument("--seldom", action="store_true", help="the long outages, too")
    parser.add_argument("--out", type=Path, default=Path("build/faults.md"))
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was begun is ended
    until = time.monotonic() + asked.lasts
    came: list[Came] = []
    seed = asked.first
    with Receiver() as receiver:
        while not came or time.monotonic() < until:
            for database in asked.on or BOTH:
                for one in rounds(asked, database, seed, until, receiver):
                    came.append(one)
                    say(one)
                    write(asked.out, came)
            seed += 1
    print(table(came))
    wrong = [one for one in came if not one.is_right]
    for one in wrong:
        print(f"WRONG: {told(one)}")
    return 1 if wrong or not came else 0


def rounds(
    asked: argparse.Namespace, database: str, seed: int, until: float, receiver: Receiver
) -> Iterator[Came]:
    """Each fault once, in an order of the seed's, on services that are new now and then."""
    faults = [each for each in faults_for(database, seldom=asked.seldom) if asked.only in each.name]
    dice(str(seed)).shuffle(faults)
    for begin in range(0, len(faults), ROUNDS_OF_ONE_SERVICE):
        yield from on_one_service(
            faults[begin : begin + ROUNDS_OF_ONE_SERVICE], database, seed, until, receiver
        )


def on_one_service(
    faults: list[Fault], database: str, seed: int, until: float, receiver: Receiver
) -> Iterator[Came]:
    with tempfile.TemporaryDirectory(prefix="faults", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        service = HurtService(
            folder, postgres=database == "postgres", real_flows=True, own_disk=CAN_MOUNT
        )
        with service:
            for number, each in enumerate(faults):
                if number and time.monotonic() > until:
                    return
                one = fight(service, receiver, each, folder=folder / str(number), seed=seed)
                if not one.is_right:
                    keep(service, one)
                yield one


def keep(service: HurtService, one: Came) -> None:
    """The log of a round that went wrong."""
    place = Path("build/faults")
    place.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", f"{one.fault.name} {one.database} {one.seed}")
    (place / f"{name}.log").write_text("\n".join([*one.wrong, service.log]))


def say(one: Came) -> None:
    right = "right" if one.is_right else "WRONG"
    print(f"{time.strftime('%H:%M:%S')} {right}: {told(one)}", flush=True)


def write(out: Path, came: list[Came]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(table(came))


if __name__ == "__main__":
    sys.exit(main())
