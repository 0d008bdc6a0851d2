"""`ringtrace exchange` and its subcommands."""

from __future__ import annotations

from pipelines.batch import join
from pipelines.commands import resolve
from pipelines.exchange import hub, hub_host, hub_member, offer, overlap
from pipelines.exchange.taxii import in_a_folder, over_taxii, sync
from pipelines.options import run_subcommand, subcommand, subcommands

run = run_subcommand

add_arguments = subcommands(
    offer.write_offer,
    offer.show_offer,
    subcommand(
        "join", "cluster a run of your own with partners' offers, as a new run", join.JOIN_FLAGS
    )(join.join_offers),
    offer.revoke_letter,
    offer.write_consent,
    resolve.write_schedule,
    subcommand(
        "overlap",
        "count the victims that two organisations share, and learn nothing more",
        subcommands(
            overlap.write_request, overlap.write_answer, overlap.write_result, overlap.show_result
        ),
    )(run_subcommand),
    subcommand(
        "hub",
        "exchange confirmed actors among many members, who decide for themselves",
        subcommands(
            in_a_folder(hub.init_hub),
            over_taxii(hub.change_members),
            over_taxii(hub_member.publish),
            in_a_folder(hub_host.collect),
            over_taxii(hub_member.pull),
            over_taxii(hub_member.withdraw),
            over_taxii(hub_member.dispute),
            sync,
            over_taxii(hub_host.show_log),
        ),
    )(run_subcommand),
)
