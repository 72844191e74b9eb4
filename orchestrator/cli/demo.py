"""``orchestrator demo``: the service, a crew and a flow, with you as the person whom they ask."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    topic: Annotated[str, typer.Option(help="What the crew writes about.")] = "owls",
) -> None:
    """Run a crew and a flow, and be asked about what they wrote."""
    from orchestrator.cli.demonstration import show_everything

    show_everything(topic)
