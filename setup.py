"""What setup.cfg cannot say: the description is the README without its picture.

The picture lies in the repository, where a package index does not look for it.
"""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    long_description=re.sub(r"<picture>.*?</picture>\n\n", "", README, flags=re.DOTALL),
    long_description_content_type="text/markdown",
)
