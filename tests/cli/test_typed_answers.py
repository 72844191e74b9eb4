"""Reviews are answered with data from the command: in the line, from a file, from a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.application import application

if TYPE_CHECKING:
    from conftest import Command

PRICE = {"amount": 7.5, "currency": "USD"}


@pytest.fixture
def execution_id(command: Command, work: Callable[[], None]) -> str:
    """An offer whose price waits for a person."""
    found = command("kickoff", "offer")
    work()
    return found


@pytest.fixture
def review(command: Command, execution_id: str) -> str:
    (found,) = command.json("reviews", "list")
    assert found["execution_id"] == execution_id
    return str(found["review_id"])


def test_the_data_stand_in_the_line(command: Command, execution_id: str, review: str) -> None:
    command("reviews", "answer", review, "--answer", json.dumps(PRICE), "-f", "as agreed")
    assert json.loads(command.json("status", execution_id)["result"]) == PRICE
    shown = command.json("reviews", "show", review)
    assert (shown["approved"], shown["edited"], shown["feedback"]) == (True, True, "as agreed")


def test_the_data_stand_in_a_file(
    command: Command, execution_id: str, review: str, tmp_path: Path
) -> None:
    (tmp_path / "price.json").write_text(json.dumps(PRICE))
    command("reviews", "answer", review, "--approve", "--answer", f"@{tmp_path / 'price.json'}")
    assert json.loads(command.json("status", execution_id)["result"]) == PRICE


def test_the_data_come_through_a_pipe(command: Command, execution_id: str, review: str) -> None:
    arguments = ["reviews", "answer", review, "--answer", "@-"]
    assert CliRunner().invoke(application, arguments, input=json.dumps(PRICE)).exit_code == 0
    assert json.loads(command.json("status", execution_id)["result"]) == PRICE


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--answer", '{"amount": -1, "currency": "EUR"}'], "answer.amount: -1 is less than"),
        (["--answer", '{"amount": 1}'], "answer.currency: is required"),
        (["--answer", '"EUR"'], "'answer' does not fit"),
        (["--answer", "{amount: 1}"], "--answer: this is no JSON: Expecting property name"),
        (["--answer", ""], "--answer: this is no JSON"),
        (["--answer", '{"amount": NaN}'], "NaN is no number of JSON"),
        (["--answer", "null"], "--answer: null answers nothing"),
        (["--answer", "@no/such/file"], "--answer: [Errno 2] No such file"),
        (["--answer", "{}", "--edited-output", "-"], "Give one of --answer"),
        (["--answer", "{}", "--edit"], "Give one of --answer"),
        (["--answer", '{"amount": 1, "currency": "EUR"}', "--reject"], "edited_output"),
    ],
)
def test_what_cannot_be_taken_is_said_and_decides_nothing(
    command: Command, review: str, arguments: list[str], why: str
) -> None:
    refused = command.run("reviews", "answer", review, *arguments)
    assert refused.exit_code != 0
    assert why in str(refused.exception)
    assert command.json("reviews", "show", review)["state"] == "PENDING"


def test_a_review_of_a_text_takes_no_data(command: Command, work: Callable[[], None]) -> None:
    command("kickoff", "article", "-i", "topic=bees")
    work()
    (found,) = command.json("reviews", "list")
    refused = command.run("reviews", "answer", found["review_id"], "--answer", "{}")
    assert "send 'edited_output'" in str(refused.exception)


def test_the_schema_is_shown(command: Command, review: str) -> None:
    shown = command.json("reviews", "show", review)
    assert shown["answer_schema"]["required"] == ["amount", "currency"]
