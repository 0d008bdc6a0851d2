from .number_index import VictimNumbers as VictimNumbers, hash_dial_formats as hash_dial_formats
from .stated_numbers import (
    CollectStatedNumbers as CollectStatedNumbers,
    assign_victim_roles as assign_victim_roles,
)
