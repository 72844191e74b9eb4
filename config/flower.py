"""Flower's options: ``celery -A workers.app flower --conf=config/flower.py``.

It listens on loopback only, and asks for a password: set FLOWER_BASIC_AUTH to user:password.
``/execution/<id>`` shows one execution. Options of the command line win over these.
"""

import os

from orchestrator.adapters.flower import add_execution_page, required_passwords, show_every_queue
from orchestrator.settings import Settings
from orchestrator.wiring import make_ports

basic_auth = required_passwords(os.environ)
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
max_tasks = int(os.environ.get("FLOWER_MAX_TASKS", "10000"))  # each costs 8 kB
tasks_columns = "name,kwargs,state,received,runtime,worker,uuid"
ports = make_ports(Settings())
show_every_queue(ports)
add_execution_page(ports)
