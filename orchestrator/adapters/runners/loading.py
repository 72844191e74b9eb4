"""Loads users' code by import path, and says in one sentence why it does not load."""

from __future__ import annotations

import importlib
import sys
from functools import reduce
from pathlib import Path

from orchestrator.domain.deployment import Deployment
from orchestrator.errors import DeploymentBroken, cause


def load(deployment: Deployment) -> object:
    """Import what the deployment's target names, from the working directory or the Python path.

    Raises DeploymentBroken when there is no such thing or its module does not import.
    """
    module_path, _, attribute = deployment.target.partition(":")
    if not module_path or not attribute:
        raise broken(deployment, "the target is not of the form 'module:attribute'")
    if module_path not in sys.modules:
        _find_modules_in_working_directory()
    try:
        module = importlib.import_module(module_path)
    except BaseException as error:
        raise broken(deployment, cause(error)) from error
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise broken(
            deployment, f"module {module_path!r} has no attribute {attribute!r}"
        ) from error


def broken(deployment: Deployment, why: str) -> DeploymentBroken:
    """The sentence for the deployment's author."""
    return DeploymentBroken(
        f"Deployment {deployment.name!r} does not load from {deployment.target!r}: {why}"
    )


def kind_of(thing: object) -> str:
    """What a thing is, as a sentence says it: "a str", "an int"."""
    name = type(thing).__name__
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"


def _find_modules_in_working_directory() -> None:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
