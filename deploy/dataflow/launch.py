"""The program that Dataflow's template launcher runs: starts the pipeline of the image."""

import os
import sys

from pipelines.flex_template import launch

if __name__ == "__main__":
    sys.exit(launch(os.environ["RINGTRACE_PIPELINE"], sys.argv[1:]))
