"""The documents say what the code does: what can be compared is."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main
from documented_lines import typed_lines
from typer.core import TyperGroup

from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.adapters.deployment_file.calendars import CalendarTable
from orchestrator.adapters.deployment_file.entry import DeploymentTable
from orchestrator.adapters.deployment_file.reviews import RuleTable
from orchestrator.adapters.sql.schema import metadata
from orchestrator.adapters.system import CRASH_POINT, CRASH_POINT_ONCE
from orchestrator.cli import application
from orchestrator.cli.connection import TOKEN_VARIABLE, URL_VARIABLE
from orchestrator.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
ARCHITECTURE = TEXTS["docs/architecture.md"]
SETTINGS = TEXTS["docs/settings.md"]

HOLIDAYS = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261224
END:VEVENT
END:VCALENDAR
"""

WRITER = runpy.run_path(str(ROOT / ".ci" / "write_docs.py"))
MACHINES = WRITER["machines"]()


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks in a language, each with the name of its page."""
    fence = re.compile(rf"^ *```{language}\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [(name, found[1]) for name, text in TEXTS.items() for found in fence.finditer(text)]


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by what stands in backticks at their start."""
    section = text.partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("|` "): cells[1:] for cells in lines}


def commands() -> list[str]:
    """Every command of ours that a page tells the reader to type."""
    inside = [re.sub(r"^([A-Z_]+=\S+ +)+", "", line) for _, line in typed_lines()]
    ours = [re.split(r"[|>;)]|&&", line)[0].strip() for line in inside]
    return sorted({line for line in ours if re.match(r"orchestrator \w", line)})


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_page_takes_from_the_code_is_up_to_date(name: str) -> None:
    assert WRITER["rewritten"](TEXTS[name]) == TEXTS[name], "run: make docs"


def test_the_drawn_figures_are_those_that_were_measured() -> None:
    assert WRITER["plot"]() == WRITER["PLOT"].read_text(encoding="utf-8"), "run: make docs"


@pytest.mark.parametrize("noun", MACHINES)
def test_a_state_machine_is_drawn_from_its_table(noun: str) -> None:
    assert f"```mermaid\n{MACHINES[noun].mermaid()}\n```" in ARCHITECTURE


def test_no_other_state_machine_is_drawn() -> None:
    assert ARCHITECTURE.count("stateDiagram") == len(MACHINES)


def test_every_setting_is_described_and_nothing_else() -> None:
    described = rows(SETTINGS, "# Settings")
    for name, field in Settings.model_fields.items():
        default, meaning = described.pop(f"{PREFIX}{name.upper()}")
        assert (default, meaning.removesuffix(" |")) == (
            WRITER["default"](field),
            field.description,
        )
    assert not described


def test_every_key_of_a_deployment_is_described_and_nothing_else() -> None:
    assert rows(SETTINGS, "## The deployment file").keys() == DeploymentTable.model_fields.keys()


def test_every_key_of_who_is_asked_is_described_and_nothing_else() -> None:
    described = rows(TEXTS["docs/reviews.md"], "## Rules").keys()
    described = {key for keys in described for key in re.findall(r"\w+", keys)}
    assert described == RuleTable.model_fields.keys()
    assert (
        rows(TEXTS["docs/reviews.md"], "## Calendars").keys() == CalendarTable.model_fields.keys()
    )


def test_the_example_of_who_is_asked_is_valid(tmp_path: Path) -> None:
    (example, calendar) = (text for name, text in blocks("toml") if name == "docs/reviews.md")
    (tmp_path / "holidays.ics").write_text(HOLIDAYS, encoding="utf-8")
    (tmp_path / "deployments.toml").write_text(calendar + example, encoding="utf-8")
    policy = load_deployments(tmp_path / "deployments.toml").get("research").review_policy
    assert [rule.match for rule in policy.rules] == ["contract*", "newsletter"]


def test_every_table_of_the_database_is_described_and_nothing_else() -> None:
    assert rows(ARCHITECTURE, "## The tables").keys() == metadata.tables.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_a_variable_that_a_page_names_is_a_setting(name: str) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]\b(?!_)", TEXTS[name]))
    assert named <= {*known, CRASH_POINT, CRASH_POINT_ONCE, URL_VARIABLE, TOKEN_VARIABLE}


@pytest.mark.parametrize("name", TEXTS)
def test_a_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXTS[name]):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def anchors(text: str) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_a_test_that_a_page_names_exists(name: str) -> None:
    for test, path in re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", TEXTS[name]):
        defined = ((ROOT / name).parent / path).read_text(encoding="utf-8")
        assert f"def {test}(" in defined, test


def test_every_invariant_names_its_tests() -> None:
    invariants = ARCHITECTURE.partition("## What always holds\n")[2].partition("\n## ")[0]
    numbered = re.split(r"^\d+\. ", invariants, flags=re.MULTILINE)[1:]
    assert len(numbered) >= 10
    assert all("[`test_" in invariant for invariant in numbered)


@pytest.mark.parametrize("line", commands())
def test_a_command_that_a_page_names_can_be_given(line: str) -> None:
    command = typer.main.get_command(application)
    arguments = shlex.split(line)[1:]
    while isinstance(command, TyperGroup):
        command = command.commands[arguments.pop(0)]
    command.make_context(command.name, arguments)


@pytest.mark.parametrize(("name", "block"), blocks("toml"))
def test_toml_can_be_read(name: str, block: str) -> None:
    tomllib.loads(block)


@pytest.mark.parametrize(("name", "block"), blocks("python"))
def test_python_can_be_read(name: str, block: str) -> None:
    compile(block, name, "exec")
