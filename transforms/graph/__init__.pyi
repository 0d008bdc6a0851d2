from .assign import cluster_number as cluster_number
from .communities import HUB_REPORTERS as HUB_REPORTERS
from .cuts import parts_of_thin_clusters as parts_of_thin_clusters
from .entities import RegisterUse as RegisterUse
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
