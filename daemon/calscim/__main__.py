"""``python -m calscim``."""

import sys

from calscim.cli import main

sys.exit(main())
