"""Many runs of the pipeline in one process, because loading TFX takes longer than a run.

Each argument is a folder with a `request.json`; the answer and what a parent would read come beside it.
"""

import contextlib
import sys
from pathlib import Path

from models.pipeline_process import main

for folder in map(Path, sys.argv[1:]):
    with (folder / "stdout.txt").open("w") as out, contextlib.redirect_stdout(out):
        main([str(folder / "request.json"), str(folder / "answer.json")])
