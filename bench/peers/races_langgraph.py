"""LangGraph: two threads invoke ``Command(resume=…)`` on one interrupted thread at once."""

import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import langgraph_cycle
from harness.child import Run, serve
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

RAN: Counter[str] = Counter()


def publish(_: langgraph_cycle.State, config: RunnableConfig) -> langgraph_cycle.State:
    """The step that should run once."""
    RAN[config["configurable"]["thread_id"]] += 1
    return {"result": "published"}


def make(arguments: dict[str, Any]) -> Run:
    """So many doubled resumes; ``url`` is an empty SQLite database."""
    langgraph_cycle.publish = publish
    graph = langgraph_cycle.compiled(langgraph_cycle.saver(arguments["url"]))
    pool = ThreadPoolExecutor(2)

    def resume(config: Any) -> None:
        try:
            graph.invoke(Command(resume="fine"), config, durability="sync")
        except Exception as error:  # noqa: BLE001 - the second of two may be refused
            print(repr(error), file=sys.stderr)

    def run(count: int) -> dict[str, float]:
        RAN.clear()
        for _ in range(count):
            config: Any = {"configurable": {"thread_id": str(uuid.uuid4())}}
            graph.invoke({}, config, durability="sync")
            list(pool.map(resume, [config] * 2))
        told = {"twice": sum(times > 1 for times in RAN.values()), "never": count - len(RAN)}
        return {name: float(value) for name, value in told.items()}

    return run


if __name__ == "__main__":
    serve(make)
