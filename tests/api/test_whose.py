"""What waits for a person, what for their groups, and all: three lists, with how long each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from browser import Browser
from listening import Server
from policies import ANN, BEN, CAT, articles, group_policy, policy

from orchestrator.api.pages import inbox
from orchestrator.usecases.access.sessions import sign_in_person

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """Ann is asked by herself, as a member of a group, or not at all."""
    rules = {"hers": policy(ANN), "ours": group_policy(ANN, BEN), "others": policy(CAT)}
    served = serve(articles(rules))
    served.load()
    for name, count in {"hers": 2, "ours": 3, "others": 1}.items():
        for _ in range(count):
            served.halted(name)
    return served


@pytest.fixture
def ann(service: Service) -> Browser:
    browser = Browser(service)
    browser.sign_in(person=ANN)
    return browser


def shown(browser: Browser, path: str) -> list[str]:
    """The deployments of the rows of a list, sorted."""
    return sorted(re.findall(r"</a> of (\w+), round", browser.text(path)))


def links(browser: Browser, path: str = "/inbox") -> dict[str, tuple[str, str, bool]]:
    """The address of each list, how many wait in it, and whether it is the one that is shown."""
    (nav,) = re.findall(r'<nav aria-label="Whose">(.*?)</nav>', browser.text(path))
    found = re.findall(r'<a href="([^"]*)"( aria-current="page")?>([^<(]*)(.*?)</a>', nav)
    return {
        name.strip(): (href.replace("&amp;", "&"), re.sub(r"<[^>]*>|[()]", "", count), bool(here))
        for href, here, name, count in found
    }


def test_each_list_has_what_is_meant_and_how_many(ann: Browser) -> None:
    found = links(ann)
    assert found == {
        "Mine": ("/inbox", "2", True),
        "My groups\u2019": ("/inbox?whose=groups", "3", False),
        "All": ("/inbox?whose=all", "6", False),
    }
    lists = {name: shown(ann, href) for name, (href, _, _) in found.items()}
    assert lists == {
        "Mine": ["hers"] * 2,
        "My groups\u2019": ["ours"] * 3,
        "All": ["hers"] * 2 + ["others"] + ["ours"] * 3,
    }
    assert links(ann, "/inbox?whose=groups")["My groups\u2019"][2] is True
    assert "For the group" in ann.text("/inbox?whose=groups")
    assert "For the group" not in ann.text("/inbox")


def test_the_lists_stay_narrowed(ann: Browser) -> None:
    found = links(ann, "/inbox?deployment=ours&whose=all")
    assert {name: count for name, (_, count, _) in found.items()} == {
        "Mine": "0",
        "My groups\u2019": "3",
        "All": "3",
    }
    assert found["My groups\u2019"][0] == "/inbox?deployment=ours&whose=groups"
    searched = links(ann, "/inbox?text=write")
    assert {count for _, count, _ in searched.values()} == {""}


def test_long_lists_are_not_counted_to_their_end(
    ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usecases.reviews.lists.COUNTED", 2)
    monkeypatch.setattr(inbox, "COUNTED", 2)
    assert [count for _, count, _ in links(ann).values()] == ["2", "2+", "2+"]


def test_who_is_handed_it_on_is_meant_by_themselves(service: Service, ann: Browser) -> None:
    ben = Browser(service)
    ben.begin(sign_in_person(service.ports, BEN))
    (review_id, *_) = re.findall(r'id="review-([^"]*)"', ben.text("/inbox?whose=groups"))
    ben.send(f"/inbox/reviews/{review_id}/delegate", to=CAT)
    cat = Browser(service)
    cat.begin(sign_in_person(service.ports, CAT))
    assert shown(cat, "/inbox") == ["others", "ours"]
    assert shown(ann, "/inbox?whose=groups") == ["ours"] * 3


def test_who_sees_nothing_but_what_they_are_asked_has_their_lists(service: Service) -> None:
    """Not even narrowed to a deployment that they may not look at."""
    ben = Browser(service)
    ben.begin(sign_in_person(service.ports, BEN))
    found = links(ben, "/inbox?deployment=ours&whose=groups")
    assert {name: count for name, (_, count, _) in found.items()} == {
        "Mine": "0",
        "My groups\u2019": "3",
    }
    assert [count for _, count, _ in links(ben).values()] == ["0", "3", "0"]


def test_whoever_is_nobody_in_particular_has_one_list(service: Service) -> None:
    desk = Browser(service)
    desk.sign_in()
    assert 'aria-label="Whose"' not in desk.text("/inbox?whose=groups")
    assert len(shown(desk, "/inbox?whose=groups")) == 6


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    started = Server(service)
    yield started
    started.stop()


def test_each_list_is_live_by_itself(service: Service, server: Server, ann: Browser) -> None:
    cookie = {"Cookie": f"inbox={ann.client.cookies['inbox']}"}

    def halt() -> None:
        service.halted("hers")
        service.halted("ours")

    for whose, of in (("", "hers"), ("groups", "ours")):
        (stream,) = re.findall(r'data-stream="([^"]*)"', ann.text(f"/inbox?whose={whose}"))
        act = halt if whose else partial(service.halted, "hers")
        told = server.hear(stream.replace("&amp;", "&"), act, "row", **cookie)
        rows = [data["html"] for data in told.data if "html" in data]
        assert [f" of {of}," in each for each in rows] == [True]
