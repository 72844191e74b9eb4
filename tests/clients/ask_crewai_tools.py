"""``crewai-tools``' own client, unchanged: runs a crew and writes what an agent would get.

Runs in an environment of its own: ``ask_crewai_tools.py URL TOKEN FOLDER``.
"""

from __future__ import annotations

import sys

from crewai_tools import InvokeCrewAIAutomationTool

url, token, folder = sys.argv[1:]
tool = InvokeCrewAIAutomationTool(
    crew_api_url=url,
    crew_bearer_token=token,
    crew_name="article",
    crew_description="Writes an article",
)
print("GOT:", tool._run(folder=folder))
