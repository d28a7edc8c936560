"""The demos by claim: a list, one of them, or all of them as a booklet.

``python -m demos`` lists the claims, ``python -m demos W6`` runs one, and ``python -m demos all
--out DIR`` runs all and writes ``DIR/index.html``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from commandline import Parser, run, tidy_end

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
    parser.add_argument("--json", type=Path, metavar="FILE", help="all: also write the numbers")
    options = parser.parse_args(arguments)
    if options.json and options.claims != ["all"]:
        parser.error("argument --json: goes with all")
    if not options.claims:
        print(listing(claims))
    elif options.claims == ["all"]:
        made = entries(claims, options.seed, options.quick, options.out)
        if options.json:
            write_json(made, options.json)
        print(verdicts(made))
        print(f"Booklet: {write_booklet(made, options.out)}")
    else:
        for claim in chosen(claims, options.claims, parser):
            show(claim, options)


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
