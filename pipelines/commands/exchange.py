"""`ringtrace exchange`: its subcommands, a row each in `SUBCOMMANDS`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial

from pipelines.batch import join
from pipelines.commands import resolve
from pipelines.exchange import hub, hub_host, hub_member, offer, overlap
from pipelines.exchange.taxii import add_sync_arguments, in_a_folder, over_taxii, sync
from pipelines.options import Subcommand, add_subcommands, run_subcommand

HUB_COMMANDS = (
    Subcommand(
        "init",
        "as the host: make a hub in a folder",
        hub.add_init_arguments,
        in_a_folder(hub.init_hub),
    ),
    Subcommand(
        "members",
        "list, add or expel members, or agree to what another member changed",
        hub.add_members_arguments,
        over_taxii(hub.change_members),
    ),
    Subcommand(
        "publish",
        "seal to the host what your run confirms, and withdraw what it confirms no longer",
        hub_member.add_publish_arguments,
        over_taxii(hub_member.publish),
    ),
    Subcommand(
        "collect",
        "as the host: put the letters of members into the log, once a day",
        hub_host.add_collect_arguments,
        in_a_folder(hub_host.collect),
    ),
    Subcommand(
        "pull",
        "check what is in force, and write it as a feed for exchange join",
        hub_member.add_pull_arguments,
        over_taxii(hub_member.pull),
    ),
    Subcommand(
        "withdraw",
        "take back what you published",
        hub_member.add_withdraw_arguments,
        over_taxii(hub_member.withdraw),
    ),
    Subcommand(
        "dispute",
        "freeze another member's entry until it is answered, or answer for yours",
        hub_member.add_dispute_arguments,
        over_taxii(hub_member.dispute),
    ),
    Subcommand(
        "sync",
        "as the host: take letters out of a TAXII collection, and put the hub there",
        add_sync_arguments,
        sync,
    ),
    Subcommand(
        "log",
        "check the log, and compare it with an earlier head; as the host, open a token",
        hub_host.add_log_arguments,
        over_taxii(hub_host.show_log),
    ),
)


SUBCOMMANDS = (
    Subcommand(
        "offer",
        "sign what may leave of a run, as one file for one organisation",
        offer.add_offer_arguments,
        offer.write_offer,
    ),
    Subcommand(
        "show",
        "print all that an offer says, and who signed it",
        offer.add_show_arguments,
        offer.show_offer,
    ),
    Subcommand(
        "join",
        "cluster a run of your own with partners' offers, as a new run",
        join.add_join_arguments,
        join.join_offers,
    ),
    Subcommand(
        "revoke",
        "take an offer or a consent back, so that the partner uses it no more",
        offer.add_revoke_arguments,
        offer.revoke_letter,
    ),
    Subcommand(
        "consent",
        "sign that a partner may name identifiers of yours to one authority",
        offer.add_consent_arguments,
        offer.write_consent,
    ),
    Subcommand(
        "schedule",
        "list what two packages or offers both name, with the numbers of each",
        resolve.add_schedule_arguments,
        resolve.write_schedule,
    ),
    Subcommand(
        "overlap",
        "count the victims that two organisations share, and learn nothing more",
        overlap.add_overlap_arguments,
        run_subcommand,
    ),
    Subcommand(
        "hub",
        "exchange confirmed actors among many members, who decide for themselves",
        partial(add_subcommands, subcommands=HUB_COMMANDS),
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
