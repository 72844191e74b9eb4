"""Asks at the terminal what each notice asks, and answers it. Put your chat in place of ``ask``.

Needs ``requests`` and ``standardwebhooks``.
"""

from __future__ import annotations

import getpass
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

PORT = int(os.environ.get("PORT", "9000"))
SECRET = Webhook(os.environ["WEBHOOK_SECRET"])
notices: Queue[dict[str, Any]] = Queue()


class Receiver(BaseHTTPRequestHandler):
    """Takes notices; answers at once, since a person takes longer than a webhook may."""

    def do_POST(self) -> None:
        """Take one that is signed with our secret."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            SECRET.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_error(401)
            return
        notices.put(json.loads(body))
        self.send_response(204)
        self.end_headers()


def ask(notice: dict[str, Any]) -> dict[str, Any]:
    """Show a person what is asked; gives what they say."""
    print(f"\n{notice['task_name']}, round {notice['round']}:\n{notice['task_output']}")
    if options := notice.get("emit"):
        return {"outcome": input(f"Choose one of {', '.join(options)}: ")}
    words = input("Enter to approve, or say what to change: ")
    return {"is_approve": not words, "feedback": words}


threading.Thread(
    target=ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever, daemon=True
).start()
while True:
    notice = notices.get()
    if "callback_url" not in notice:  # it has to be known who decides: see docs/bridge.md
        print(f"{notice['task_name']} still waits: answer by the link in your mail.", flush=True)
        continue
    if notice.get("event") in ("reminder", "escalation"):  # they have no text: it was shown before
        print(f"{notice['task_name']} still waits for {notice['assigned_to']}.", flush=True)
        continue
    answer = {**ask(notice), "reviewer": getpass.getuser(), "source": "terminal"}
    response = requests.post(notice["callback_url"], json=answer, timeout=30)
    print(response.json().get("message") or "Taken.", flush=True)
