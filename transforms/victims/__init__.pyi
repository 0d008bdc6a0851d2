from .number_index import (
    VictimClaims as VictimClaims,
    VictimNumbers as VictimNumbers,
    hash_dial_formats as hash_dial_formats,
)
from .stated_numbers import (
    CLAIMS as CLAIMS,
    AssignVictimRoles as AssignVictimRoles,
    contain_victims_number as contain_victims_number,
    stated_victim_numbers as stated_victim_numbers,
)
