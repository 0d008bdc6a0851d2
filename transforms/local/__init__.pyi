from .building import (
    UNCHECKED as UNCHECKED,
    OptionsParsedOnce as OptionsParsedOnce,
    quick_building as quick_building,
)
from .executor import (
    Begins as Begins,
    LocalExecutor as LocalExecutor,
    local_executor as local_executor,
)
from .stages import UnsupportedStepError as UnsupportedStepError
