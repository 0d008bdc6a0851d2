"""`ringtrace exchange`: its subcommands, a row each in `SUBCOMMANDS`."""

from __future__ import annotations

import argparse

from pipelines.batch import join
from pipelines.commands import resolve
from pipelines.exchange import hub, hub_host, hub_member, offer, overlap
from pipelines.exchange.taxii import add_sync_arguments, in_a_folder, over_taxii, sync
from pipelines.options import Subcommand, add_subcommands, run_subcommand

HUB_COMMANDS = (
    Subcommand(
        "init",
        "a new hub, as its host, in a folder.",
        hub.add_init_arguments,
        in_a_folder(hub.init_hub),
    ),
    Subcommand(
        "members",
        "who takes part; add, expel, and agree to what another member changed.",
        hub.add_members_arguments,
        over_taxii(hub.change_members),
    ),
    Subcommand(
        "publish",
        "what your run confirms, sealed to the host; what it confirms no longer is withdrawn.",
        hub_member.add_publish_arguments,
        over_taxii(hub_member.publish),
    ),
    Subcommand(
        "collect",
        "as the host: put the letters of members into the log, once a day.",
        hub_host.add_collect_arguments,
        in_a_folder(hub_host.collect),
    ),
    Subcommand(
        "pull",
        "what is in force, checked, as a feed that exchange join takes.",
        hub_member.add_pull_arguments,
        over_taxii(hub_member.pull),
    ),
    Subcommand(
        "withdraw",
        "take back what you published.",
        hub_member.add_withdraw_arguments,
        over_taxii(hub_member.withdraw),
    ),
    Subcommand(
        "dispute",
        "freeze an entry of another's until it is answered; or answer for yours.",
        hub_member.add_dispute_arguments,
        over_taxii(hub_member.dispute),
    ),
    Subcommand(
        "sync",
        "as the host: take letters out of a TAXII collection, and put the hub there.",
        add_sync_arguments,
        sync,
    ),
    Subcommand(
        "log",
        "check the log, compare it with an earlier head; as the host, open a token.",
        hub_host.add_log_arguments,
        over_taxii(hub_host.show_log),
    ),
)


def add_hub_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace exchange hub`."""
    add_subcommands(parser, HUB_COMMANDS)


SUBCOMMANDS = (
    Subcommand(
        "offer",
        "what may leave of a run, as one signed file for one organisation.",
        offer.add_offer_arguments,
        offer.write_offer,
    ),
    Subcommand(
        "show",
        "all that an offer says, as text, and who signed it.",
        offer.add_show_arguments,
        offer.show_offer,
    ),
    Subcommand(
        "join",
        "offers put together with a run of one's own, as a run.",
        join.add_join_arguments,
        join.join_offers,
    ),
    Subcommand(
        "revoke",
        "take an offer or a consent back; a partner who gets this uses it no more.",
        offer.add_revoke_arguments,
        offer.revoke_letter,
    ),
    Subcommand(
        "consent",
        "consent, signed, that a partner names identifiers of yours to one authority.",
        offer.add_consent_arguments,
        offer.write_consent,
    ),
    Subcommand(
        "schedule",
        "what two packages or offers both name, with the numbers that each has for it.",
        resolve.add_schedule_arguments,
        resolve.write_schedule,
    ),
    Subcommand(
        "overlap",
        "how many victims two organisations share, and nothing more.",
        overlap.add_overlap_arguments,
        run_subcommand,
    ),
    Subcommand(
        "hub",
        "the exchange of many: confirmed actors, among members who decide for themselves.",
        add_hub_arguments,
        run_subcommand,
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace exchange`."""
    add_subcommands(parser, SUBCOMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen subcommand; returns the exit status.

    Raises:
        UsageError: for what the user must correct.
    """
    return run_subcommand(arguments)
