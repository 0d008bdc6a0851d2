from .blocking_checks import (
    Inclusion as Inclusion,
    Obstacle as Obstacle,
    Override as Override,
    PartnerEvidence as PartnerEvidence,
    find_obstacles as find_obstacles,
    members_to_name as members_to_name,
)
from .blocks import Files as Files, MissingPdfError as MissingPdfError
from .case import (
    Case as Case,
    Confirmation as Confirmation,
    EarlierReferral as EarlierReferral,
    Filing as Filing,
    Release as Release,
    SharedVictims as SharedVictims,
    build_case as build_case,
)
from .case_records import (
    CaseRecords as CaseRecords,
    ExchangeRate as ExchangeRate,
    RecordSource as RecordSource,
    StatedPayment as StatedPayment,
    UnknownClusterError as UnknownClusterError,
    UnreconciledError as UnreconciledError,
    collect_case_records as collect_case_records,
    load_exchange_rates as load_exchange_rates,
    member_record_keys as member_record_keys,
)
from .exhibits import stated_payment as stated_payment
from .language import ReferenceFileError as ReferenceFileError
from .package import (
    FACTS_FILE as FACTS_FILE,
    Sealer as Sealer,
    compared_facts as compared_facts,
    counsel_files as counsel_files,
    fact_differences as fact_differences,
    package_facts as package_facts,
    package_files as package_files,
    package_identifiers as package_identifiers,
)
from .reference import (
    CaseFile as CaseFile,
    load_case_file as load_case_file,
    load_reference as load_reference,
    recipient_codes as recipient_codes,
)
from .seal import (
    SEAL_FILE as SEAL_FILE,
    Finding as Finding,
    MissingTimeStampLibraryError as MissingTimeStampLibraryError,
    VerificationResult as VerificationResult,
    verify_package as verify_package,
)
