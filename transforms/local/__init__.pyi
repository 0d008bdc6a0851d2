from .building import (
    UNCHECKED as UNCHECKED,
    OptionsParsedOnce as OptionsParsedOnce,
    arguments_and_defaults as arguments_and_defaults,
    dofn_specs as dofn_specs,
    local_pipeline as local_pipeline,
    new_pipeline as new_pipeline,
)
from .executor import LocalExecutor as LocalExecutor
from .stages import UnsupportedStepError as UnsupportedStepError
