from .stix import MissingStixError as MissingStixError
from .tabular import NODES_FILE as NODES_FILE
