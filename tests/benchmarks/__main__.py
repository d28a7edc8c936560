"""Run the benchmark: ``python -m tests.benchmarks``."""

from .commandline import run

if __name__ == "__main__":
    run()
