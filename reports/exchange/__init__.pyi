from .hub_letters import (
    HUB_LIVES as HUB_LIVES,
    MAX_DAY_BYTES as MAX_DAY_BYTES,
    MAX_OPEN_DISPUTES as MAX_OPEN_DISPUTES,
    SEALED_SIZES as SEALED_SIZES,
    open_letter as open_letter,
    parse_hub_file as parse_hub_file,
    seal_letter as seal_letter,
)
from .hub_log import (
    Contributors as Contributors,
    EntryState as EntryState,
    FeedChoice as FeedChoice,
    HubLog as HubLog,
    actors_of_offer as actors_of_offer,
    check_succession as check_succession,
    contributor_token as contributor_token,
    epoch_of as epoch_of,
    erased_line as erased_line,
    make_feed as make_feed,
)
from .offer import (
    OfferPolicy as OfferPolicy,
    OfferSource as OfferSource,
    OwnWords as OwnWords,
    Withheld as Withheld,
    evidence_reports as evidence_reports,
    iso_week as iso_week,
    make_offer as make_offer,
    offer_lines as offer_lines,
    own_words as own_words,
    shipped_policy as shipped_policy,
)
from .registrations import (
    Registrations as Registrations,
    parse_registrations as parse_registrations,
)
from .victim_overlap import (
    MissingOverlapLibraryError as MissingOverlapLibraryError,
    answer_points as answer_points,
    check_letter_addressee as check_letter_addressee,
    count_shared as count_shared,
    decode_elements as decode_elements,
    encode_elements as encode_elements,
    new_secret as new_secret,
    request_points as request_points,
    ristretto255 as ristretto255,
)
