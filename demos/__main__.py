"""The demos by claim: a list, one of them, or all of them as a booklet.

``python -m demos`` lists the claims, ``python -m demos W6`` runs one, and ``python -m demos all
--out DIR`` runs all and writes ``DIR/index.html``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from commandline import Parser, fail, file, run, tidy_end

with tidy_end():
    from booklet import Entry, entries, write_booklet, write_json
    from claims import Claim, add_options, chosen, find_claims, show


def main(arguments: Sequence[str] | None = None) -> None:
    """The command, with the command line's arguments or others."""
    claims = find_claims()
    parser = Parser(
        description="Claims about multilayer perceptrons: run them and see whether they hold.",
        epilog="Without arguments it lists the claims.",
    )
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="such as W6; or: all")
    add_options(parser)
    parser.add_argument("--json", type=file, metavar="FILE", help="all: also write the numbers")
    options = parser.parse_args(arguments)
    everything = "all" in map(str.lower, options.claims)
    if everything and len(options.claims) > 1:
        parser.error("all is all claims: it goes alone")
    if options.json and not everything:
        parser.error("argument --json: goes with all")
    if not options.claims:
        print(listing(claims))
    elif everything:
        write_all(claims, options)
    else:
        for claim in chosen(claims, options.claims, parser):
            show(claim, options)


def write_all(claims: Sequence[Claim], options: Any) -> None:
    """Run all claims and make their booklet; after an interrupt, of those that had been run."""
    made = entries(claims, options.seed, options.quick, options.out)
    if not made:
        fail("interrupted", status=130)
    if options.json:
        write_json(made, options.json)
    print(verdicts(made))
    print(f"Booklet: {write_booklet(made, options.out)}")
    if len(made) < len(claims):
        fail(f"interrupted: the booklet has {len(made)} of {len(claims)} claims", status=130)


def listing(claims: Sequence[Claim]) -> str:
    """The claims, one a line."""
    rows = [f"  {claim.number:5}{claim.title}" for claim in claims]
    return "\n".join([*rows, "", "python -m demos W6 runs one, python -m demos all runs all."])


def verdicts(made: Sequence[Entry]) -> str:
    """What has become of each claim."""
    width = max(len(entry.claim.title) for entry in made)
    return "\n".join(
        f"  {claim.number:5}{claim.title:{width}}  {finding.verdict}" for claim, finding, _ in made
    )


if __name__ == "__main__":
    run(main)
