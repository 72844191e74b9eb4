from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.delivery import DELIVERY
from orchestrator.domain.endpoint import ENDPOINT
from orchestrator.domain.machine import Machine

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.mark.parametrize("machine", [DELIVERY, ENDPOINT], ids=lambda machine: machine.noun)
def test_the_document_draws_what_the_table_has(machine: Machine) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    drawings = document.split("```mermaid\n")[1:]

    assert machine.mermaid() in [drawing.partition("\n```")[0] for drawing in drawings]
