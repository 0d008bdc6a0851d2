from . import exit_scan as exit_scan
from .exit_scan import (
    WithheldValues as WithheldValues,
    count_in_text as count_in_text,
    count_withheld as count_withheld,
    forms_of_token as forms_of_token,
    hold_back_written as hold_back_written,
    set_aside as set_aside,
    withheld_by_run as withheld_by_run,
    without_ids as without_ids,
)
from .job_pool import (
    JobError as JobError,
    JobPool as JobPool,
    PutFile as PutFile,
    available_cpus as available_cpus,
    end_with_parent as end_with_parent,
    forking as forking,
    local_job_pool as local_job_pool,
    may_fork as may_fork,
)
from .parquet_files import is_local as is_local, write_local_file as write_local_file
from .publish import (
    REPLACED_SUFFIX as REPLACED_SUFFIX,
    PublishRun as PublishRun,
    Record as Record,
    Sign as Sign,
    WriteReport as WriteReport,
    WriteTables as WriteTables,
    folder_replaced as folder_replaced,
    parquet_bytes as parquet_bytes,
    recover_output as recover_output,
    staging_folder as staging_folder,
    sync_folder as sync_folder,
    sync_path as sync_path,
    write_output_file as write_output_file,
    write_private_manifest as write_private_manifest,
)
