"""Change modules in one place at a time, and compare what no test noticed with what is accepted.

``.ci/mutants.py [--children N] [MODULE ...]``: modules and packages of ``orchestrator`` by their
dotted names under it (``domain.votes``, ``usecases.reviews``), or all. Ends with status 1 where a
mutant is left that ``tests/accepted_mutants.toml`` does not have, or where it has one that is not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.__main__ import _run
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_module_from_key, orig_function_and_class_names_from_key

FOLDER = Path("mutants")
ACCEPTED = Path("tests/accepted_mutants.toml")
LAYERS = ("domain", "usecases")
NOTICED = ("killed", "timeout", "caught by type check")


@dataclass(frozen=True)
class Left:
    """A mutant that no test noticed: a function, a line of it, and what became of that."""

    function: str
    was: str
    became: str

    def __str__(self) -> str:
        return f"{self.function}\n    - {self.was}\n    + {self.became}"


def main() -> int:
    """Mutate, test, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--children", type=int, default=2)
    parser.add_argument("modules", nargs="*", default=LAYERS)
    asked = parser.parse_args()
    select(sorted(set(asked.modules)))
    _run((), asked.children)
    return compare(set(left()))


def select(modules: list[str]) -> None:
    """Have these modules changed, and the tests of their layers tried.

    ``domain/`` has to be guarded by its own tests, which need no database and take seconds.
    """
    files = [file for module in modules for file in files_of(module)]
    layers = sorted({module.partition(".")[0] for module in modules})
    config().only_mutate = files
    config().type_check_command += files
    config().pytest_add_cli_args_test_selection = [f"tests/{layer}" for layer in layers]
    note, selected = FOLDER / "selected", "\n".join(files)
    if not note.exists() or note.read_text() != selected:
        shutil.rmtree(FOLDER, ignore_errors=True)  # mutmut would take plain files for mutated ones
        FOLDER.mkdir()
        note.write_text(selected)
    for found in data():  # tests may have come since
        codes = found.exit_code_by_key
        again = {name: None for name, code in codes.items() if not is_noticed(code)}
        if again:
            found.exit_code_by_key = codes | again
            found.save()


def files_of(module: str) -> list[str]:
    """The files of a module or package, by its dotted name."""
    place = Path("orchestrator", *module.split("."))
    files = [place.with_suffix(".py")] if place.with_suffix(".py").exists() else place.rglob("*.py")
    found = sorted(map(str, files))
    if not found or not module.startswith(LAYERS):
        sys.exit(f"there is no {module!r} in {' or '.join(LAYERS)}")
    return found


def data() -> Iterator[SourceFileMutationData]:
    """What mutmut knows of each file that it changed."""
    for path in walk_mutatable_files():
        found = SourceFileMutationData(path=path)
        found.load()
        yield found


def is_noticed(code: int | None) -> bool:
    """Whether a test failed, or never ended."""
    return status_by_exit_code[code] in NOTICED


def left() -> Iterator[Left]:
    """The mutants that no test noticed."""
    for found in data():
        for name, code in found.exit_code_by_key.items():
            if not is_noticed(code):
                yield described(name, found.path)


def described(name: str, path: Path) -> Left:
    """A mutant by what it changes: its number says nothing once the function has changed."""
    function, of_class = orig_function_and_class_names_from_key(name)
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    was, became = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    place = [get_module_from_key(name).removeprefix("orchestrator."), of_class, function]
    return Left(".".join(filter(None, place)), was, became)


def compare(found: set[Left]) -> int:
    """Print what is left and not accepted, and what is accepted and not left."""
    listed = tomllib.loads(ACCEPTED.read_text())["accepted"]
    accepted = {Left(each["in"], each["was"], each["became"]) for each in listed if each["why"]}
    mutated = {get_module_from_key(name) for each in data() for name in each.exit_code_by_key}
    tried = tuple(f"{module.removeprefix('orchestrator.')}." for module in mutated)
    stale = {each for each in accepted - found if each.function.startswith(tried)}
    count = sum(len(each.exit_code_by_key) for each in data())
    for each in sorted(found - accepted, key=str):
        print(f"LEFT: {each}")
    for each in sorted(stale, key=str):
        print(f"NO LONGER LEFT, yet in {ACCEPTED}: {each}")
    print(f"{count} mutants, {len(found)} left, {len(found & accepted)} of these accepted")
    return 1 if found - accepted or stale else 0


if __name__ == "__main__":
    sys.exit(main())
