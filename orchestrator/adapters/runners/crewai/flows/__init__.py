"""Runs CrewAI flows durably: by a journal of what was done, and a replay of it.

A *run* of a flow goes from a kickoff or an answer to the next halt or the end. Inside it each
method is a step, committed as it ends. A later run builds the flow anew and lets CrewAI's own
scheduler run over the history: a step that was committed gives what it gave, and only the others
run. So joins, routers, loops and counts are CrewAI's own, computed again, and none of them is
stored.

What a run cannot keep from one process to the next:

- what methods leave on the flow object itself rather than in its state;
- that a value in an output and one in the state are the same object: they come back as two;
- what a method did before it was left in its middle (a crew's task that a person judges, ``ask()``,
  a review of a flow inside it): its code runs again from its beginning, its committed tasks do not;
- what a crash interrupted: these steps run again, and see what they wrote into the shared state
  before, where another step committed meanwhile (``one_by_one`` avoids that).

CrewAI is imported by ``running``, not here.
"""
