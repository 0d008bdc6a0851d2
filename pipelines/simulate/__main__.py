"""`python -m pipelines.simulate OUT`."""

from __future__ import annotations

import argparse
import sys

from pipelines.simulate.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pipelines.simulate", description=__doc__)
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
