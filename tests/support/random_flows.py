"""Flows that nobody thought of: from a seed, a CrewAI Flow as the text of a module.

Methods listen to what was made before them, and to labels of routers and reviews; a review may lead
back to an earlier method, for as many rounds as the script of the answers says. So all of them end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

MOST_ROUNDS = 3
"""From this round on, no answer leads back."""


def dice(of: str) -> Random:
    """The same dice each time."""
    return Random(of)  # noqa: S311 - a test's dice


@dataclass(frozen=True)
class Condition:
    """An event, or several of which all (``and_``) or one (``or_``) are needed."""

    event: str = ""
    word: str = ""
    parts: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return f"{self.word}({', '.join(map(str, self.parts))})" if self.parts else repr(self.event)

    @property
    def events(self) -> frozenset[str]:
        return frozenset({self.event}.union(*(part.events for part in self.parts)) - {""})

    @property
    def has_or(self) -> bool:
        return self.word == "or_" or any(part.has_or for part in self.parts)


@dataclass(frozen=True)
class Method:
    """One method. It may emit ``labels``; ``back`` is one that leads to an earlier method."""

    name: str
    condition: Condition | None = None
    starts: bool = False
    routes: bool = False
    asks: bool = False
    labels: tuple[str, ...] = ()
    back: str = ""
    default: str | None = None
    takes: bool = False
    is_async: bool = False
    needs: tuple[str, ...] = ()
    races: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """What a review offers."""
        return (*self.labels, *filter(None, [self.back])) if self.asks else ()


@dataclass(frozen=True)
class Said:
    """A person's answer: ``words`` is what the flow gets, ``body`` how the service is told."""

    outcome: str | None
    words: str
    body: dict[str, str]


@dataclass(frozen=True)
class RandomFlow:
    """A flow made from a seed.

    ``is_settled``: the same methods give the same texts in whatever order they end.
    """

    seed: int
    methods: tuple[Method, ...]
    has_model: bool
    one_by_one: bool
    is_settled: bool

    @property
    def module(self) -> str:
        return f"random_flow_{self.seed}"

    @property
    def deployment(self) -> str:
        return f"seed{self.seed}"

    @property
    def races(self) -> bool:
        """Whether CrewAI may cut methods of it."""
        return any(method.races for method in self.methods)

    def method(self, name: str) -> Method:
        return next(each for each in self.methods if each.name == name)

    def said(self, path: str) -> Said:
        """What the script has a person answer to a step."""
        rng = dice(f"{self.seed} {path}")
        name, _, number = path.partition("#")
        method = self.method(name)
        words = f"words of {path}: {rng.randrange(1000)}"
        if not method.labels:
            return Said(None, words, {"human_feedback": words})
        options = method.options if int(number) < MOST_ROUNDS else method.labels
        outcome = rng.choice(options)
        kind = rng.randrange(4)
        if kind == 0 and outcome == method.default:
            return Said(outcome, "", {"human_feedback": ""})
        if kind <= 1:
            return Said(outcome, "", {"outcome": outcome})
        if kind == 2:  # words that are an option choose it
            words = f"{outcome.upper()}!"
            return Said(outcome, words, {"human_feedback": words})
        return Said(outcome, words, {"outcome": outcome, "human_feedback": words})

    @property
    def source(self) -> str:
        """The module."""
        state = "State" if self.has_model else "dict"
        return HEAD.format(state=state) + "\n".join(self._method(each) for each in self.methods)

    def _method(self, method: Method) -> str:
        lines = []
        if method.starts:
            lines.append("@start()")
        if method.condition is not None:
            word = "router" if method.routes else "listen"
            lines.append(f"@{word}({method.condition})")
        if method.asks:
            emit = f", emit={list(method.options)}, llm=NOBODY" if method.labels else ""
            default = f", default_outcome={method.default!r}" if method.default else ""
            lines.append(f"@human_feedback(message='What of {method.name}?'{emit}{default})")
        word, run = ("async def", "await run_async") if method.is_async else ("def", "run")
        argument, got = (", got: Any = None", "got") if method.takes else ("", "None")
        lines.append(f"{word} {method.name}(self{argument}) -> Any:")
        given = f"{run}(self.state, {method.name!r}, {got}, {method.needs}, "
        given += f"counts={self.one_by_one})"
        lines.append(f"    return {f'route({given}, {method.labels})' if method.routes else given}")
        return "\n".join(f"    {line}" for line in lines) + "\n"


HEAD = '''"""A random flow."""

from typing import Any

from crewai.flow import Flow, and_, human_feedback, listen, or_, router, start
from pydantic import BaseModel
from random_flow_bodies import NOBODY, route, run, run_async


class State(BaseModel):
    folder: str = ""
    topic: str = ""
    trail: dict[str, str] = {{}}
    counts: dict[str, int] = {{}}


class RandomFlow(Flow[{state}]):
'''


@dataclass
class _Making:
    """A flow while it is made."""

    seed: int
    rng: Random = field(init=False)
    methods: list[Method] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    is_settled: bool = field(init=False)
    heard: set[str] = field(default_factory=set)
    once: dict[str, str] = field(default_factory=dict)
    """Events that can happen once, with the method that has certainly ended then."""

    def __post_init__(self) -> None:
        self.rng = dice(f"flow {self.seed}")
        self.is_settled = self.rng.random() < 0.35

    def make(self) -> RandomFlow:
        starts = self.rng.choice((1, 1, 2, 3))
        shares = not self.is_settled and self.rng.random() < 0.4
        number = self.rng.randint(5, 12)
        races = not self.is_settled and starts < number - 2 and self.rng.random() < 0.4
        race = self.rng.randrange(starts, number - 2) if races else number
        while (made := len(self.methods)) < number:
            if made == race:
                self._race()
            else:
                self._add(f"m{made}", starts=made < starts, shares=shares)
        if not any(method.asks for method in self.methods):
            self.methods[0] = replace(self.methods[0], asks=True)
        if not self.is_settled and self.rng.random() < 0.5:
            self._lead_back()
        has_model, one_by_one = self.rng.random() < 0.5, self.rng.random() < 0.4
        return RandomFlow(self.seed, tuple(self.methods), has_model, one_by_one, self.is_settled)

    def _add(self, name: str, *, starts: bool, shares: bool) -> None:
        rng = self.rng
        condition = None if starts else self._condition()
        self.heard |= condition.events if condition else set()
        routes = not starts and rng.random() < 0.25
        asks = not routes and rng.random() < 0.4
        labels: tuple[str, ...] = ()
        if routes or (asks and rng.random() < 0.6):
            own = (f"{name}_yes", f"{name}_no")
            # A label of several has no listeners yet: else it might lead back for ever.
            free = not self.heard & {"go", "halt"}
            labels = ("go", "halt") if shares and free and rng.random() < 0.7 else own
        method = Method(
            name,
            condition,
            starts=starts,
            routes=routes,
            asks=asks,
            labels=labels,
            default=rng.choice((None, *labels)) if asks and labels else None,
            takes=not starts and self._may_take(condition) and rng.random() < 0.7,
            is_async=rng.random() < 0.4,
        )
        if starts or (
            condition and not condition.has_or and all(e in self.once for e in condition.events)
        ):
            ended = {self.once[event] for event in condition.events} if condition else set()
            method = replace(method, needs=tuple(sorted(ended)))
            own_labels = [label for label in labels if label.startswith(name)]
            self.once.update(dict.fromkeys([name, *own_labels], name))
        self.methods.append(method)
        self.events.extend([name, name, *labels])

    def _may_take(self, condition: Condition | None) -> bool:
        """Whether what it is given is the same in any order, where it has to be.

        A join is given what came last. What follows from a router is given the words of whoever
        was answered last in the whole flow, where anybody was.
        """
        routed = {label for each in self.methods if each.routes for label in each.labels}
        settled = condition is not None and not condition.parts and condition.event not in routed
        return settled or not self.is_settled

    def _race(self) -> None:
        """Two methods, of which CrewAI cuts the slower: one listener alone waits for either."""
        first, rng, event = len(self.methods), self.rng, self._event()
        self.heard.add(event)
        names = (f"m{first}", f"m{first + 1}")
        for name in names:
            asks, is_async = rng.random() < 0.4, rng.random() < 0.4
            racer = Method(name, Condition(event), asks=asks, is_async=is_async, takes=True)
            self.methods.append(replace(racer, races=True))
        winner = Condition("", "or_", tuple(map(Condition, names)))
        self.methods.append(Method(f"m{first + 2}", winner, takes=True))
        self.events.append(f"m{first + 2}")

    def _condition(self) -> Condition:
        rng = self.rng
        known = list(dict.fromkeys(self.events))
        kind = rng.random()
        if kind < 0.5 or len(known) < 3:
            return Condition(self._event())
        if kind < 0.68 or self.is_settled:
            return Condition("", "and_", self._some(rng.choice((2, 2, 3))))
        if kind < 0.86:
            return Condition("", "or_", self._some(rng.choice((2, 2, 3))))
        one, *others = self._some(3)
        outer, inner = rng.choice((("and_", "or_"), ("or_", "and_")))
        return Condition("", outer, (one, Condition("", inner, tuple(others))))

    def _event(self) -> str:
        """An event, rather one that was made lately."""
        return self.rng.choice(self.events[-6:] if self.rng.random() < 0.7 else self.events)

    def _some(self, number: int) -> tuple[Condition, ...]:
        found: dict[str, None] = {}
        while len(found) < min(number, len(set(self.events))):
            found[self._event() if self.rng.random() < 0.8 else self.rng.choice(self.events)] = None
        return tuple(Condition(event) for event in found)

    def _lead_back(self) -> None:
        places = [i for i, m in enumerate(self.methods) if m.asks and m.labels]
        if not places:
            return
        place = self.rng.choice(places)
        again = f"{self.methods[place].name}_again"
        self.methods[place] = replace(self.methods[place], back=again)
        earlier = self.rng.randrange(place + 1)
        method = self.methods[earlier]
        back = Condition(again)
        joined = (method.condition, back) if method.condition else ()
        condition = Condition("", "or_", joined) if joined else back
        self.methods[earlier] = replace(method, condition=condition)
        # What may run in a loop reads nothing that another round may have written.
        self.methods = [replace(each, needs=()) for each in self.methods]


def make_flow(seed: int) -> RandomFlow:
    """The flow of a seed."""
    return _Making(seed).make()


def told(value: Any) -> str:
    """An output as texts and comparisons have it: without what is another one in each run.

    It may be that of a reviewed method, as CrewAI has it or as JSON.
    """
    if isinstance(value, dict) and "feedback" in value:
        return f"{told(value['output'])}|{value['feedback']}|{value['outcome']}"
    if hasattr(value, "feedback"):
        return f"{told(value.output)}|{value.feedback}|{value.outcome}"
    return str(value["text"] if isinstance(value, dict) else value)
