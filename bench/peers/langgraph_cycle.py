"""LangGraph: a graph of two nodes, the first of which interrupts; ``Command(resume=…)`` goes on.

``durability="sync"``: each step is stored before the next one begins, as ours is.
"""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import ExitStack
from typing import Any, TypedDict

from harness.child import Run, serve
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

_open = ExitStack()
"""Keeps the saver's connection."""


class State(TypedDict, total=False):
    """What the nodes hand on."""

    draft: str
    words: str
    result: str


def write(_: State) -> State:
    """What a person is asked about."""
    return {"draft": "draft"}


def review(state: State) -> State:
    """Ask the person; a node that interrupts runs again from its start when it is resumed."""
    return {"words": interrupt(state["draft"])}


def publish(_: State) -> State:
    """What follows from the approval."""
    return {"result": "published"}


def make(arguments: dict[str, Any]) -> Run:
    """Invoke, interrupt, resume, end; ``url`` is an empty database of SQLite or PostgreSQL."""
    graph = compiled(saver(arguments["url"]))

    def run(count: int) -> None:
        for _ in range(count):
            config: Any = {"configurable": {"thread_id": str(uuid.uuid4())}}
            halted = graph.invoke({}, config, durability="sync")
            assert "__interrupt__" in halted
            ended = graph.invoke(Command(resume="fine"), config, durability="sync")
            assert ended["result"] == "published"

    return run


def compiled(checkpointer: Any) -> Any:
    """The graph."""
    graph = StateGraph(State)
    for node in (write, review, publish):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "write")
    graph.add_edge("write", "review")
    graph.add_edge("review", "publish")
    graph.add_edge("publish", END)
    return graph.compile(checkpointer=checkpointer)


def saver(url: str) -> Any:
    """The synchronous saver of that database."""
    if url.startswith("sqlite"):
        file = url.removeprefix("sqlite:///")
        made: Any = SqliteSaver(sqlite3.connect(file, check_same_thread=False))
    else:
        made = _open.enter_context(PostgresSaver.from_conn_string(url))
    made.setup()
    return made


if __name__ == "__main__":
    serve(make)
