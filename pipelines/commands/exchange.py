"""`ringtrace exchange`: its subcommands, a row each in `SUBCOMMANDS`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial

from pipelines.batch import join
from pipelines.commands import resolve
from pipelines.exchange import hub, hub_host, hub_member, offer, overlap
from pipelines.exchange.taxii import in_a_folder, over_taxii, sync
from pipelines.options import Subcommand, add_subcommands, run_subcommand

HUB_COMMANDS = (
    in_a_folder(hub.init_hub),
    over_taxii(hub.change_members),
    over_taxii(hub_member.publish),
    in_a_folder(hub_host.collect),
    over_taxii(hub_member.pull),
    over_taxii(hub_member.withdraw),
    over_taxii(hub_member.dispute),
    sync,
    over_taxii(hub_host.show_log),
)

OVERLAP_COMMANDS = (
    overlap.write_request,
    overlap.write_answer,
    overlap.write_result,
    overlap.show_result,
)

SUBCOMMANDS = (
    offer.write_offer,
    offer.show_offer,
    Subcommand(
        "join",
        "cluster a run of your own with partners' offers, as a new run",
        (join.add_join_arguments,),
        join.join_offers,
    ),
    offer.revoke_letter,
    offer.write_consent,
    Subcommand(
        "schedule",
        "list what two packages or offers both name, with the numbers of each",
        (resolve.add_schedule_arguments,),
        resolve.write_schedule,
    ),
    Subcommand(
        "overlap",
        "count the victims that two organisations share, and learn nothing more",
        (partial(add_subcommands, subcommands=OVERLAP_COMMANDS),),
        run_subcommand,
    ),
    Subcommand(
        "hub",
        "exchange confirmed actors among many members, who decide for themselves",
        (partial(add_subcommands, subcommands=HUB_COMMANDS),),
        run_subcommand,
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace exchange`."""
    add_subcommands(parser, SUBCOMMANDS)


def run(arguments: Namespace) -> int:
    """Runs the chosen subcommand; returns the exit status.

    Raises:
        UsageError: for what the user must correct.
    """
    return run_subcommand(arguments)
