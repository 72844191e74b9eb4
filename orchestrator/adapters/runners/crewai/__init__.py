"""Runs real CrewAI crews, one task for each call, and flows. CrewAI is imported at first use.

A crew gives what a kickoff of its own gives: models are asked the same, and answer the same. What
one process keeps in memory, the jobs of a crew cannot share, and so

- each task starts with an empty cache of tool results, and a tool's ``max_usage_count`` counts in
  each task; ``max_rpm`` of a crew or an agent counts in each worker process on its own;
- objects of the author that tools or callbacks change (a list, a counter, a browser session) are
  those of the process that runs the task: pass on by outputs and inputs what later tasks need;
- memory and knowledge are files of the worker's machine, a folder or a collection for each
  deployment: several machines share them through a storage that the crew names;
- ``usage_metrics`` of the crew are ours, counted once for each model object (CrewAI counts a model
  twice that two agents share, and goes on counting in the next kickoff);
- ``replay``, ``train``, ``test`` and CrewAI's own checkpoints are not used: ours are in the
  database.

What holds for flows stands in ``flows``.
"""

from orchestrator.adapters.runners.crewai.runner import CrewaiRunner

__all__ = ["CrewaiRunner"]
