"""`ringtrace export RUN`: one cluster, or all, as a file of another tool's format."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipelines.ledger import hold_back, values_withheld
from pipelines.letters.accepted_offers import check_offers
from pipelines.options import (
    REGISTER_FLAGS,
    UsageError,
    all_of,
    exclusive,
    flag,
    say,
    switch,
    system_errors,
)
from pipelines.user_files import check_basis, open_run
from reports import tables
from reports.export import DEFAULT_TLP, ExportFormat, RunExport, leaving_formats, strictest_tlp
from reports.run import Run
from reports.text import quantity
from schemas.tables import CLUSTERS
from transforms.custody import current_time
from transforms.write import write_local_file

add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    exclusive(
        flag("--cluster", "ID", "its id in clusters/"), switch("--all", "all clusters, in one file")
    ),
    flag(
        "--format",
        None,
        "what to write; graphml, gexf and csv have every core member, the others only those "
        "that an analyst reviewed",
        required=True,
        choices=list(leaving_formats()),
    ),
    flag("--output", "FILE", "file to write, new", required=True),
    switch(
        "--include-verify",
        "for your own use: also members that are still to be verified, each row marked",
    ),
    REGISTER_FLAGS,
)
"""The flags of `ringtrace export`."""


def run(arguments: Namespace) -> int:
    """Writes the file and prints how many members it has; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: if it has no such cluster, or none of its members may leave. Also if the file
            exists, cannot be written, or would name a value that the run withheld.
    """
    if arguments.cluster is None and not arguments.all:
        raise UsageError("no clusters are named: give --cluster ID, or --all")
    finished, form = open_run(arguments.run, built_on=True), leaving_formats()[arguments.format]
    check_basis(finished)
    if "://" in finished.folder:
        raise UsageError(f"{finished.folder}: only a local run can be exported; copy it here first")
    if arguments.include_verify and form.reviewed:
        raise UsageError(
            f"--include-verify: {form.name} holds only reviewed members; leave it out, or choose "
            "another format"
        )
    out = Path(arguments.output)
    if os.path.lexists(out):
        raise UsageError(f"{out}: exists; name a new file")
    if arguments.cluster is not None:
        _check_cluster(finished, arguments.cluster)
    offers = finished.offers
    if form.unmarked:
        _check_may_travel(finished, offers, form)
    check_offers(finished, current_time())
    export = RunExport(
        finished,
        finished.run_id,
        finished.moment,
        arguments.include_verify,
        strictest_tlp([DEFAULT_TLP, *(offer["tlp"] for offer in offers)]),
    )
    shown, others = export.counts(form, arguments.cluster)
    if not shown:
        raise UsageError(_nothing_leaves(arguments, form))
    if arguments.cluster is None:
        content = b"".join(export.whole(form))
    else:
        content = export.cluster(arguments.cluster, form)
    values = values_withheld(finished, arguments.register_key, no_register=arguments.no_register)
    hold_back(finished, "export", {out.name: content}, values)
    unfinished = f".{out.name}.part"
    with system_errors(out, "name a file in a folder that can be written"):
        write_local_file(str(out.parent), unfinished, [content])
        out.with_name(unfinished).replace(out)
    why = "not core, or not reviewed" if form.reviewed else "not core"
    why += ", or of a kind that it does not take" if form.kinds else ""
    left_out = f"; {others:,} left out: {why}" if others else ""
    say(f"{out}: {quantity(shown, 'member')}{left_out}")
    for offer in offers:
        say(f"  {offer['sender']}: {offer['tlp']} binds this file too")
    return 0


def _check_may_travel(finished: Run, offers: Sequence[Any], form: ExportFormat) -> None:
    """Raises UsageError if an offer in a joint run forbids giving its content to others."""
    for offer in offers:
        if strictest_tlp(["green", offer["tlp"]]) != "green":
            raise UsageError(
                f"{finished.folder}: is joined with what {offer['sender']} marked {offer['tlp']}, "
                f"which may not go to others as {form.name}; export your own run"
            )


def _check_cluster(finished: Run, cluster_id: str) -> None:
    if not tables.count_rows(finished, CLUSTERS, pc.field("cluster_id") == cluster_id):
        raise UsageError(
            f"{finished.folder}: has no cluster {cluster_id[:80]!r}; see its "
            "clusters/, or ringtrace explain"
        )


def _nothing_leaves(arguments: Namespace, form: ExportFormat) -> str:
    subject = (
        f"{arguments.run} has no member" if arguments.all else f"{arguments.cluster}: no member"
    )
    if form.reviewed:
        return (
            f"{subject} that may leave as {form.name}: core, and reviewed by an analyst; record a "
            "confirm with ringtrace decide, and run again"
        )
    return (
        f"{subject} of the core, which alone leaves; give --include-verify for your own use of the "
        "others"
    )
