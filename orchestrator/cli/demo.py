"""``orchestrator demo``: the service, a crew, a flow and a mail, with you as the person asked."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    topic: Annotated[str, typer.Option(help="What the crew writes about.")] = "owls",
) -> None:
    """Run a crew and a flow, and be asked about what they wrote, at last by mail."""
    from orchestrator.cli.demonstration import show_everything

    show_everything(topic)
