from .tabular import NODES_FILE as NODES_FILE
from .stix import MissingStixError as MissingStixError
