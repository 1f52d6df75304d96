"""`python -m llavaction` and `torchrun -m llavaction`: the same as the `llavaction` command."""

from __future__ import annotations

import sys

from llavaction.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
