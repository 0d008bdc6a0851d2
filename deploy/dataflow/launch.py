"""What Dataflow's template launcher runs: it starts the pipeline that the image is for."""

import os
import sys

from pipelines.flex_template import launch

if __name__ == "__main__":
    sys.exit(launch(os.environ["RINGTRACE_PIPELINE"], sys.argv[1:]))
