from . import clustering_metrics as clustering_metrics, joint as joint
from .assign import cluster_number as cluster_number
from .clustering_metrics import (
    MAX_LINKS as MAX_LINKS,
    SPLINK_THRESHOLD as SPLINK_THRESHOLD,
    Agreement as Agreement,
    F1Intervals as F1Intervals,
    HubFlags as HubFlags,
    IdSurvival as IdSurvival,
    RuleCost as RuleCost,
    TierScore as TierScore,
    baseline_clusterings as baseline_clusterings,
    bootstrap_intervals as bootstrap_intervals,
    compare_clusterings as compare_clusterings,
    id_survival as id_survival,
    match_probability as match_probability,
    rule_costs as rule_costs,
    score_hub_flags as score_hub_flags,
    score_tier as score_tier,
)
from .communities import HUB_REPORTERS as HUB_REPORTERS
from .cuts import parts_of_thin_clusters as parts_of_thin_clusters
from .entities import RegisterUse as RegisterUse
from .joint import (
    AcceptedOffer as AcceptedOffer,
    by_record as by_record,
    call_records as call_records,
    complaint_records as complaint_records,
    contributor_rows as contributor_rows,
    crowds_of_offers as crowds_of_offers,
    evidence_from_tables as evidence_from_tables,
    evidence_of_offer as evidence_of_offer,
    offered_cluster_rows as offered_cluster_rows,
    offered_view as offered_view,
    own_view as own_view,
    people_that_count as people_that_count,
    sender_record as sender_record,
    union_link_rows as union_link_rows,
    view_in_joint_ids as view_in_joint_ids,
)
from .leiden import FileDigest as FileDigest, ReadComponentCache as ReadComponentCache
from .lineage import ReadPreviousMembers as ReadPreviousMembers
from .ownership import ReadContested as ReadContested, read_contested as read_contested
from .priority import PriorityWeights as PriorityWeights, shipped_weights as shipped_weights
from .refinement import MIN_REPORTERS as MIN_REPORTERS
from .replaced import gone_from_versions as gone_from_versions
from .robustness import CORE_ROBUSTNESS as CORE_ROBUSTNESS
from .transform import (
    ClusteredWindow as ClusteredWindow,
    bind_decisions as bind_decisions,
    find_clusters as find_clusters,
    summarize_clusters as summarize_clusters,
)
