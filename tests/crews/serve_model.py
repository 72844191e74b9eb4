"""Serves a model file on loopback, as OpenAI would: ``serve_model.py FILE PORT``."""

from __future__ import annotations

import signal
import sys

import xllamacpp

if __name__ == "__main__":
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    signal.pause()
