"""`python -m fastsgns` is the command `fastsgns`."""

import sys

from fastsgns.cli import main

if __name__ == "__main__":
    sys.exit(main())
