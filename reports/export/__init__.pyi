from .graph_tables import NODES_FILE as NODES_FILE
from .stix import MissingStixError as MissingStixError
