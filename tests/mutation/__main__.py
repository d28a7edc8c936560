"""``python -m tests.mutation``."""

import sys

from . import main

sys.exit(main())
