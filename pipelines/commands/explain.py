"""`ringtrace explain RUN ENTITY [ENTITY]`: explains an identifier, or the link between two."""

from __future__ import annotations

import json
from argparse import Namespace

from pipelines import key_store
from pipelines.options import UsageError, all_of, flag, say, switch, usage_errors
from pipelines.user_files import open_run
from reports.explain import NotNamedError, explanation_lines, find_entity
from reports.run import explain_to_owner

add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    flag("a", "ENTITY", "in any form, such as '(888) 555-0123'"),
    flag("b", "ENTITY", "a second one: show what links the two", nargs="?"),
    switch("--json", "as JSON, with every record"),
)
"""The flags of `ringtrace explain`."""


def run(arguments: Namespace) -> int:
    """Prints the explanation, with words of private narratives; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: if it has no such entity.
    """
    finished = open_run(arguments.run)
    with usage_errors(NotNamedError, before=f"{arguments.run}: "):
        a = find_entity(finished, arguments.a)
        b = find_entity(finished, arguments.b) if arguments.b is not None else None
    if a == b:
        raise UsageError(f"{arguments.a} and {arguments.b} are the same: {a}; name another")
    explanation = explain_to_owner(finished, a, b, key_store.private_key())
    if arguments.json:
        text = json.dumps(explanation, indent=2, ensure_ascii=True, default=str)
    else:
        text = "\n".join(explanation_lines(explanation))
    say(text)
    return 0
