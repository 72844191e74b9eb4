from __future__ import annotations

from orchestrator import TaskCall, task


@task(human_input=True)
def write(call: TaskCall) -> str:
    if call.inputs.get("fail"):
        raise RuntimeError("no ink")
    return f"About {call.inputs['topic']}, draft {call.round}"


article = [write]
