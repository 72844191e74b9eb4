"""Tasks of a crew, or methods of a flow, that were renamed while executions waited.

The operator says old name to new. A chain of renames is followed to the plan that is there now, so
that executions which began with any of the earlier plans go on with the newest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import COUNT, Cause, Checkpoint, name_of
from orchestrator.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class Renames:
    """The names that change, old to new: of a crew's tasks, or of a flow's own methods.

    What stands below a method is code of its own, and keeps its names.
    """

    names: Mapping[str, str]
    is_flow: bool = False

    def path(self, path: str) -> str:
        """The path of a step under the new names."""
        if not self.is_flow:
            return self.names.get(path, path)
        first, slash, rest = path.partition("/")
        count = COUNT.search(first)
        if count is None:  # the flow as a whole, or no step
            return path
        name = first[: count.start()]
        return f"{self.names.get(name, name)}{count[0]}{slash}{rest}"

    def name(self, path: str, name: str) -> str:
        """What people call the step at a path, which they called ``name``."""
        if self.is_flow and ("/" in path or name_of(path) != name):
            return name
        return self.names.get(name, name)

    def moves(self, paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Those of the paths that change, old and new.

        In an order in which none takes the place of one that has yet to move.
        """
        left = {each: new for each in paths if (new := self.path(each)) != each}
        found: list[tuple[str, str]] = []
        while left:
            free = {old: new for old, new in left.items() if new not in left} or left
            found.extend(free.items())
            left = {old: new for old, new in left.items() if old not in free}
        return tuple(found)

    def plan(self, plan: Plan) -> Plan:
        """A plan under the new names."""
        if self.is_flow:
            steps = (replace(step, name=self._new(step.name)) for step in plan.steps)
            return replace(plan, steps=tuple(steps))
        tasks = (
            replace(
                task,
                name=self._new(task.name),
                context=task.context and tuple(map(self._new, task.context)),
            )
            for task in plan.tasks
        )
        return replace(plan, tasks=tuple(tasks))

    def _new(self, name: str) -> str:
        return self.names.get(name, name)

    @property
    def back(self) -> Renames:
        """The same from new to old."""
        return Renames({new: old for old, new in self.names.items()}, self.is_flow)

    def to_json(self) -> JsonObject:
        """The form in which a checkpoint has them."""
        return {"renamed": dict(self.names), "flow": self.is_flow}

    @classmethod
    def from_json(cls, stored: JsonObject) -> Renames:
        """Build them again. Raises KeyError and TypeError for what ``to_json`` did not give."""
        names = stored["renamed"]
        if not isinstance(names, dict):
            raise TypeError(f"{names!r} are no names")
        return cls({old: str(new) for old, new in names.items()}, stored["flow"] is True)


def migrations(checkpoints: Iterable[Checkpoint]) -> tuple[Renames, ...]:
    """What was renamed since the execution began, one time after another."""
    migrate = Cause.MIGRATE  # to look it up for each takes longer than the rest
    return tuple(
        Renames.from_json(each.change or {}) for each in checkpoints if each.cause is migrate
    )


def named_as_now(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """The entries under the names of now: each MIGRATE renames all that came before it."""
    if not migrations(checkpoints):
        return tuple(checkpoints)
    found: list[Checkpoint] = []
    for each in checkpoints:
        for renames in migrations([each]):
            found = [_renamed(before, renames) for before in found]
        found.append(each)
    return tuple(found)


def _renamed(checkpoint: Checkpoint, renames: Renames) -> Checkpoint:
    path = renames.path(checkpoint.path)
    return replace(checkpoint, path=path, name=renames.name(checkpoint.path, checkpoint.name))


def renames_between(begun: Plan, loaded: Plan, renamed: Mapping[str, str]) -> Renames:
    """What changes for an execution that began with the one plan and goes on with the other."""
    newest = {name: _newest(name, loaded.names, renamed) for name in begun.names}
    return Renames({old: new for old, new in newest.items() if old != new}, begun.is_flow)


def _newest(name: str, known: Collection[str], renamed: Mapping[str, str]) -> str:
    """Follow what became of a name, no further than to one that is known."""
    for each in _chain(name, renamed):
        name = each
        if name in known:
            break
    return name


def _chain(name: str, renamed: Mapping[str, str]) -> Iterator[str]:
    """The names that a name got, one after another."""
    seen = {name}
    while name in renamed and renamed[name] not in seen:
        name = renamed[name]
        seen.add(name)
        yield name


def circle_in(renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Names that would become one another for ever; empty where there are none."""
    for name in renamed:
        names = (name, *_chain(name, renamed))
        if renamed.get(names[-1]) == name:
            return (*names, name)
    return ()


def misfits(begun: Plan, loaded: Plan, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Why what was renamed does not lead from one plan to the other; nothing where it does."""
    if begun.is_flow != loaded.is_flow:
        return ("one of them is a crew, the other a flow",)
    what = "method" if begun.is_flow else "task"
    renames = renames_between(begun, loaded, renamed)
    found = [
        *_unknown(begun, renamed, what),
        *(
            f"{new!r}, which {old!r} is to become, is no {what} of the new plan"
            for old, new in renames.names.items()
            if new not in loaded.names
        ),
        *_two_to_one(begun, renames),
        *_left_over(begun, loaded, renames),
    ]
    if not found and renames.plan(begun).shape != loaded.shape:
        is_moved = sorted(renames.plan(begun).shape) == sorted(loaded.shape)
        other = f"the {what}s stand in another order"
        found.append(other if is_moved else f"something else than {what}s differs")
    return tuple(found)


def _unknown(begun: Plan, renamed: Mapping[str, str], what: str) -> Iterator[str]:
    """Names that the old plan does not have, and that neither lead to its own nor follow them."""
    follow = {each for name in begun.names for each in (name, *_chain(name, renamed))}
    for old in renamed:
        if old not in follow and set(begun.names).isdisjoint(_chain(old, renamed)):
            yield f"{old!r} is no {what} of the old plan"


def _two_to_one(begun: Plan, renames: Renames) -> Iterator[str]:
    became: dict[str, list[str]] = {}
    for name in begun.names:
        became.setdefault(renames.names.get(name, name), []).append(name)
    for new, old in became.items():
        if len(old) > 1:
            yield f"{' and '.join(map(repr, old))} would both be {new!r}"


def _left_over(begun: Plan, loaded: Plan, renames: Renames) -> Iterator[str]:
    became = {renames.names.get(name, name): name for name in begun.names}
    for new, old in became.items():
        if old not in renames.names and new not in loaded.names:
            yield f"nothing says what became of {old!r}"
    for name in loaded.names:
        if name not in became:
            yield f"{name!r} is new"
