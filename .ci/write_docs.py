"""Write what the documents take from the code: state machines and settings. ``make docs`` runs it.

A document marks such a part with ``<!-- from the code: NAME -->`` and ``<!-- until here -->``.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

import orchestrator.domain
from orchestrator.domain.machine import Machine
from orchestrator.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
PART = re.compile(r"(<!-- from the code: (.+?) -->\n).*?(\n<!-- until here -->)", re.DOTALL)


def main() -> None:
    """Write every document whose parts differ, and name it."""
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        written = rewritten(text)
        if written != text:
            path.write_text(written, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")


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


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    **{f"states of {noun}": lambda m=machine: drawing(m) for noun, machine in machines().items()},
}

if __name__ == "__main__":
    main()
