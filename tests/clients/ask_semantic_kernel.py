"""Microsoft's ``semantic-kernel``'s own client, unchanged. It writes one line.

Runs in an environment of its own: ``ask_semantic_kernel.py URL TOKEN CALL ARGUMENT``, where the
call is ``kickoff`` of a crew with a folder, or ``status`` or ``wait`` for an execution.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from semantic_kernel.core_plugins.crew_ai import CrewAIEnterprise


async def main(url: str, token: str, call: str, argument: str) -> None:
    async with aiohttp.ClientSession() as session:
        crew = CrewAIEnterprise(endpoint=url, auth_token=token, session=session)
        async with crew.client:
            if call == "kickoff":
                print("GOT:", await crew.kickoff({"folder": argument}))
            elif call == "status":
                status = await crew.get_crew_kickoff_status(argument)
                print("GOT:", status.state.value, status.result)
            else:
                print("GOT:", await crew.wait_for_crew_completion(argument))


asyncio.run(main(*sys.argv[1:]))
