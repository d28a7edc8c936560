"""``python -m engine.check``: whose engine is right?"""

from engine.check.engines.commandline import run

run()
