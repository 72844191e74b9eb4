from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.deployment_file import (
    EXAMPLE,
    DeploymentFile,
    RunnerKind,
    load_deployments,
)
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.delivery_policy import DeliveryRules
from orchestrator.domain.deployment import Deployment, OnCodeChange, StatusForm
from orchestrator.errors import InvalidSettings, UnknownDeployment

SMALLEST = '[deployments.research]\ncrew = "my_project.crew:ResearchCrew"\n'


def load(folder: Path, text: str) -> DeploymentFile:
    path = folder / "deployments.toml"
    path.write_text(text, encoding="utf-8")
    return load_deployments(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InvalidSettings) as refused:
        load(folder, text)
    return refused.value.message.removeprefix(str(folder / "deployments.toml"))


def test_a_crew_needs_nothing_but_its_import_path(tmp_path: Path) -> None:
    target = "my_project.crew:ResearchCrew"
    expected = Deployment("research", RunnerKind.CREWAI, target)
    assert load(tmp_path, SMALLEST).get("research") == expected


@pytest.mark.parametrize("length", ['"9999999d"', '"1000000000d"', f'"{"9" * 400}d"', "9" * 400])
def test_a_time_that_no_calendar_has_is_refused(tmp_path: Path, length: str) -> None:
    said = refusal(tmp_path, f"{SMALLEST}review_timeout = {length}\n")
    assert said == ": deployment 'research': review_timeout: must be a hundred years at most"


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """
        [deployments.glue]
        functions = "my_project:steps"
        max_attempts = 1
        max_rounds = 5
        task_time_limit = "2h"
        review_timeout = "7d"
        carry_webhooks = true
        on_code_change = "refuse"
        status_form = "documented"

        [deployments.glue.renamed]
        write = "draft"
    """
    assert load(tmp_path, text).get("glue") == Deployment(
        name="glue",
        runner=RunnerKind.FUNCTIONS,
        target="my_project:steps",
        max_attempts=1,
        max_rounds=5,
        task_time_limit=timedelta(hours=2),
        review_timeout=timedelta(days=7),
        carry_webhooks=True,
        on_code_change=OnCodeChange.REFUSE,
        renamed={"write": "draft"},
        status_form=StatusForm.DOCUMENTED,
        journal=False,
    )


def test_tools_that_run_once_or_need_approval_are_patterns(tmp_path: Path) -> None:
    written = f'{SMALLEST}tools_once = ["pay_*", "mail"]\ntool_approval = ["pay_?"]'
    loaded = load(tmp_path, written).get("research")
    assert (loaded.journal, loaded.tools) == (True, ToolRules(("pay_*", "mail"), ("pay_?",)))


def test_the_journal_can_be_turned_off(tmp_path: Path) -> None:
    assert not load(tmp_path, f"{SMALLEST}journal = false").get("research").journal


@pytest.mark.parametrize("key", ["tools_once", "tool_approval"])
def test_functions_have_no_journal(tmp_path: Path, key: str) -> None:
    text = f'[deployments.glue]\nfunctions = "my_project:steps"\n{key} = ["pay"]'
    said = refusal(tmp_path, text)
    keys = "'journal', 'tools_once' and 'tool_approval'"
    assert said == f": deployment 'glue': {keys} are for crews and flows alone"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("0.5", 0.5), ('"30s"', 30), ('"5m"', 300), ('"1.5h"', 5400), ('"7 d"', 604_800)],
)
def test_durations_are_seconds_or_have_a_unit(tmp_path: Path, written: str, seconds: float) -> None:
    loaded = load(tmp_path, f"{SMALLEST}task_time_limit = {written}")
    assert loaded.get("research").task_time_limit == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ['"5x"', '"-5m"', "0", "-1", "nan", "inf", "true", '""', "[]"])
def test_other_durations_are_refused(tmp_path: Path, written: str) -> None:
    said = refusal(tmp_path, f"{SMALLEST}task_time_limit = {written}")
    assert said.startswith(": deployment 'research': task_time_limit: must be ")


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("max_atempts = 3", "max_atempts: there is no such key; did you mean 'max_attempts'?"),
        ("zzz = 3", "zzz: there is no such key"),
        (
            'journal = false\ntools_once = ["pay"]',
            "'tools_once' needs the journal: take 'journal = false' away",
        ),
        (
            'journal = false\ntool_approval = ["pay"]',
            "'tool_approval' needs the journal: take 'journal = false' away",
        ),
        (
            'tool_approval = [""]',
            "tool_approval, number 1: String should have at least 1 character",
        ),
        ('status_form = "x"', "status_form: Input should be 'live' or 'documented'"),
        ("max_attempts = 0", "max_attempts: Input should be greater than 0"),
        ("max_attempts = true", "max_attempts: Input should be a valid integer"),
        ('carry_webhooks = "no"', "carry_webhooks: Input should be a valid boolean"),
        ('on_code_change = "x"', "on_code_change: Input should be 'same-tasks' or 'refuse'"),
        (
            'functions = "a:b"',
            "needs one of 'crew', 'flow' and 'functions': the import path of what it runs",
        ),
    ],
)
def test_a_wrong_key_is_named_in_one_sentence(tmp_path: Path, added: str, said: str) -> None:
    assert refusal(tmp_path, SMALLEST + added) == f": deployment 'research': {said}"


@pytest.mark.parametrize(
    "written",
    [
        "hooks.example/asked",
        "mailto:ann@example.com?https://",
        "https://",
        "https://[hooks.example/asked",
        "https://hooks.example:port/asked",
        "https://hooks.example:0/asked",
        " https://hooks.example/asked",
    ],
)
def test_a_receiver_of_reviews_is_a_url_that_can_be_read(tmp_path: Path, written: str) -> None:
    said = refusal(tmp_path, f'{SMALLEST}review_webhook = "{written}"')
    place = ": deployment 'research': review_webhook"
    assert said == f"{place}: must be a URL such as 'https://example.com/asked'"


@pytest.mark.parametrize(
    "written",
    ["https://hooks.example", "http://[2001:db8::1]:8443/asked?key=a%20b", "http://inbox"],
)
def test_reviews_may_be_told_to_any_url_of_the_web(tmp_path: Path, written: str) -> None:
    loaded = load(tmp_path, f'{SMALLEST}review_webhook = "{written}"').get("research")
    assert loaded.review_webhook == written


def test_a_misspelt_table_is_told_as_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, SMALLEST.replace("[deployments.", "[deployment."))
    assert said == ": deployment: there is no such key; did you mean [deployments.NAME]?"


def test_a_deployment_that_runs_nothing_is_refused(tmp_path: Path) -> None:
    assert "one of 'crew', 'flow' and 'functions'" in refusal(tmp_path, "[deployments.research]")


@pytest.mark.parametrize("target", ["", "crew", "crew:", ":Crew", "my-crew:Crew", "a b:c", "a.:C"])
def test_a_target_that_is_no_import_path_is_refused(tmp_path: Path, target: str) -> None:
    said = refusal(tmp_path, f'[deployments.a]\ncrew = "{target}"')
    assert said.startswith(": deployment 'a': crew: must be an import path")


@pytest.mark.parametrize("name", ["a/b", "", "..", "über", "a b", "x" * 65])
def test_a_name_that_cannot_stand_in_a_url_is_refused(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, f'[deployments."{name}"]\ncrew = "a:b"')
    assert said.startswith(f": deployment '{name}': its name stands in URLs")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": deployments: Field required"),
        ("[deployments]", ": deployments: Dictionary should have at least 1 item"),
        (f"colour = 1\n{SMALLEST}", ": colour: there is no such key"),
        (f'default = "x"\n{SMALLEST}', ": 'default' names 'x', which is not declared"),
        ("[deployments", " is not valid TOML: "),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text).startswith(said)


def test_a_file_that_is_missing_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="There is no deployment file") as refused:
        load_deployments(tmp_path / "deployments.toml")
    assert EXAMPLE in refused.value.message


def test_the_only_deployment_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).default() == "research"


def test_of_several_deployments_none_is_the_default(tmp_path: Path) -> None:
    several = load(tmp_path, f'{SMALLEST}[deployments.b]\ncrew = "b:B"')
    assert (several.names(), several.default()) == (("research", "b"), None)


def test_the_default_may_be_named(tmp_path: Path) -> None:
    several = load(tmp_path, f'default = "b"\n{SMALLEST}[deployments.b]\ncrew = "b:B"')
    assert several.default() == "b"


def test_a_deployment_that_is_not_declared_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownDeployment, match=r"'other'.*research"):
        load(tmp_path, SMALLEST).get("other")


def test_webhooks_have_rules_of_their_own(tmp_path: Path) -> None:
    text = f"""{SMALLEST}
        webhook_delays = ["0s", "5s", 60]
        human_input_webhook_delays = [0, "10m"]
        webhook_stop_on_4xx = true
    """
    assert load(tmp_path, text).get("research").delivery_rules == DeliveryRules(
        delays=(timedelta(), timedelta(seconds=5), timedelta(minutes=1)),
        notice_delays=(timedelta(), timedelta(minutes=10)),
        stop_on_4xx=True,
    )


@pytest.mark.parametrize("key", ["webhook_delays", "human_input_webhook_delays"])
def test_the_first_attempt_is_made_at_once(tmp_path: Path, key: str) -> None:
    said = refusal(tmp_path, f'{SMALLEST}{key} = ["10s", "1m"]')
    assert f"{key}: must begin with '0s': the first attempt is made at once" in said


@pytest.mark.parametrize("written", ["[]", '"5s"', '[0, "soon"]', "[0, -1]", '["soon"]'])
def test_delays_are_a_list_of_durations(tmp_path: Path, written: str) -> None:
    assert "webhook_delays" in refusal(tmp_path, f"{SMALLEST}webhook_delays = {written}")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{write = "write"}', "'write' is renamed to itself"),
        (
            '{x = "a", a = "b", b = "c", c = "a"}',
            "the names go in a circle: 'a' -> 'b' -> 'c' -> 'a'",
        ),
        ("3", "must be a table of texts, old name to new, such as write = 'draft'"),
        ("{write = 3}", "must be a table of texts, old name to new, such as write = 'draft'"),
        ('{write = ""}', "must be a table of texts, old name to new, such as write = 'draft'"),
    ],
)
def test_names_lead_on_to_other_names(tmp_path: Path, written: str, said: str) -> None:
    fault = refusal(tmp_path, f"{SMALLEST}renamed = {written}")
    assert fault == f": deployment 'research': renamed: {said}"
