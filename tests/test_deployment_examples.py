import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.domain.deployment import Deployment
from orchestrator.jobs import QUEUES
from orchestrator.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PROCFILE = (ROOT / "Procfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
RULES = {"webhook_delays", "human_input_webhook_delays", "webhook_stop_on_4xx"}
BUILD_STAGE = (ROOT / "Dockerfile").read_text(encoding="utf-8").partition("/pip install")[0]
LET_IN = {
    line.removeprefix("!")
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line.startswith("!")
}
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_the_example_deployments_are_valid() -> None:
    assert load_deployments(ROOT / "config" / "deployments.toml").names() == ("research",)


def test_the_example_deployments_show_every_key(tmp_path: Path) -> None:
    text = (ROOT / "config" / "deployments.toml").read_text(encoding="utf-8")
    of_one, _, _ = text.partition("# With several")
    uncommented = re.sub(r"^# (?=[a-z0-9_]+ = )", "", of_one, flags=re.MULTILINE)
    (shown,) = tomllib.loads(uncommented)["deployments"].values()
    elsewhere = {"name", "runner", "target", "delivery_rules", "one_by_one", "tools"}
    written = {
        "crew",
        "parallel",
        "tools_once",
        "tool_approval",
        "creator",
        "reviews",
        "permissions",
    }
    keys = {*Deployment.__dataclass_fields__, *written} - elsewhere - {"review_policy", "grants"}
    assert shown.keys() == keys | RULES


def test_the_example_environment_names_every_setting() -> None:
    lines = (ROOT / "config" / "env.example").read_text(encoding="utf-8").splitlines()
    named = {line.removeprefix("#").partition("=")[0] for line in lines if line.startswith("#O")}
    assert named == SETTINGS


@pytest.mark.parametrize("text", [PROCFILE, COMPOSE_TEXT], ids=["Procfile", "docker-compose.yml"])
def test_every_queue_has_a_worker(text: str) -> None:
    assert sorted(re.findall(r" -Q (\w+) ", text)) == sorted(QUEUES)


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_service_runs_without_root_and_within_limits(service: dict[str, Any]) -> None:
    assert service["user"] in {"10001:10001", "postgres", "redis"}
    assert (service["cap_drop"], service["init"]) == (["ALL"], True)
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_an_image_is_pinned_to_a_release(service: dict[str, Any]) -> None:
    assert re.search(r":\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"migrate", "sweep"}))
def test_a_service_says_whether_it_is_healthy(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_what_a_service_is_told_are_settings(service: dict[str, Any]) -> None:
    ours = {name for name in service["environment"] if name.startswith(PREFIX)}
    assert ours <= SETTINGS


def test_the_services_are_told_every_setting_that_is_not_the_composition_s_own() -> None:
    own = {"HOST", "PORT", "API_PROCESSES", "CONCURRENCY", "LOG_FILE"}
    told = SERVICES["sweep"]["environment"].keys()
    assert told & SETTINGS == SETTINGS - {f"{PREFIX}{name}" for name in own}


def test_the_image_is_built_from_all_that_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    needed = {source.partition("/")[0] for source in sources} | {"pyproject.toml", "LICENSE"}
    lines = re.findall(r"^COPY (.+) \S+$", BUILD_STAGE, re.MULTILINE)
    copied = {name for line in lines for name in line.split()}
    assert needed <= copied & LET_IN


def test_no_secret_is_baked_in() -> None:
    given = [pair for service in SERVICES.values() for pair in service["environment"].items()]
    secret = [value for name, value in given if re.search("PASSWORD|SECRET|TOKEN|AUTH|_URL", name)]
    assert [value for value in secret if "${" not in value] == []
