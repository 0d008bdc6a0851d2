from .campaigns import (
    FEATURES as FEATURES,
    FindCampaigns as FindCampaigns,
    Models as Models,
    PairModel as PairModel,
    Shared as Shared,
    campaign_rows as campaign_rows,
    candidate_groups as candidate_groups,
    pair_means as pair_means,
    shipped_models as shipped_models,
)
from .traits import USE as USE, campaign_uses as campaign_uses, trait_rows as trait_rows
