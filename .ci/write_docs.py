"""Write what the documents take from the code: state machines and settings. ``make docs`` runs it.

A document marks such a part with ``<!-- from the code: NAME -->`` and ``<!-- until here -->``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main
from pydantic.fields import FieldInfo
from typer.core import TyperGroup

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

from harness import page, record
from harness.plot import drawing as drawing_of_ratios

import orchestrator.domain
from orchestrator.cli import application
from orchestrator.domain.machine import Machine
from orchestrator.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLOT = DOCS / "images" / "performance.svg"
PART = re.compile(r"(<!-- from the code: (.+?) -->\n).*?(\n<!-- until here -->)", re.DOTALL)


def main() -> None:
    """Write every document whose parts differ, and name it."""
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        written = rewritten(text)
        if written != text:
            path.write_text(written, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    PLOT.write_text(plot(), encoding="utf-8")


def rewritten(text: str) -> str:
    """The text of a document, with its parts as the code has them now."""
    return PART.sub(lambda found: found[1] + part(found[2]) + found[3], text)


def part(name: str) -> str:
    """What stands between the marks of that name. Raises KeyError for a name that is none."""
    return PARTS[name]()


def machines() -> Mapping[str, Machine[Any]]:
    """Every state machine of the domain, by the name of its noun."""
    modules = pkgutil.iter_modules(orchestrator.domain.__path__, "orchestrator.domain.")
    values = [value for found in modules for value in vars(_imported(found.name)).values()]
    return {value.noun: value for value in values if isinstance(value, Machine)}


def _imported(name: str) -> Any:
    return importlib.import_module(name)


def drawing(machine: Machine[Any]) -> str:
    """A machine as a diagram, and when each of its transitions happens."""
    rows = [f"| `{each.name}` | {each.reason} |" for each in machine.transitions]
    table = "\n".join(["| transition | when |", "|---|---|", *rows])
    return f"```mermaid\n{machine.mermaid()}\n```\n\n{table}"


def settings() -> str:
    """The settings as a table."""
    fields = Settings.model_fields.items()
    rows = [
        f"| `{PREFIX}{name.upper()}` | {default(field)} | {field.description} |"
        for name, field in fields
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def default(field: FieldInfo) -> str:
    """A setting's default as an operator would write it."""
    value = field.default
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else f'{value}'}`"


def bridge() -> str:
    """The example's file, as it is."""
    code = (DOCS.parent / "examples" / "bridge" / "bridge.py").read_text(encoding="utf-8")
    return f"```python\n{code}```"


def commands() -> str:
    """Every command with its parameters, as ``--help`` tells them."""
    group = typer.main.get_command(application)
    return "\n\n".join(_described(group, "orchestrator"))


def _described(command: Any, name: str) -> Iterator[str]:
    if command.hidden:
        return
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            yield from _described(inner, f"{name} {inner.name}")
        return
    yield f"## {name}\n\n{inspect.cleandoc(command.help or '')}"
    rows = [_parameter(each) for each in command.params if not getattr(each, "hidden", False)]
    rows = [row for row in rows if row]
    if rows:
        yield "\n".join(["| parameter | meaning |", "|---|---|", *rows])


def _parameter(given: Any) -> str:
    if given.name == "help":
        return ""
    spelled = " / ".join([*given.opts, *given.secondary_opts])
    if given.param_type_name == "argument":
        spelled = given.metavar or given.name.upper()
    help_text = (given.help or "").replace("|", "\\|")
    return f"| `{spelled}` | {help_text} |"


def figures() -> str:
    """What the benches found last, as tables."""
    return page.all_markdown(record.read(record.RESULTS))


def plot() -> str:
    """The same as a drawing."""
    return drawing_of_ratios(page.ordered(record.read(record.RESULTS)))


PARTS: dict[str, Callable[[], str]] = {
    "figures of the benches": figures,
    "settings": settings,
    "bridge": bridge,
    "commands": commands,
    **{f"states of {noun}": lambda m=machine: drawing(m) for noun, machine in machines().items()},
}

if __name__ == "__main__":
    main()
