"""The booklet: all claims with their verdicts, numbers and pictures on one page of HTML.

The page is one file that fetches nothing. It follows the reader's light or dark theme, and on paper
it is light.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from claims import Claim, Finding, shown
from commandline import INSTALL, fail, follow

import viz
from engine.files import write_atomically

PAGE = Path(__file__).with_name("booklet.html")
KINDS = {"holds": "holds", "holds if": "partly", "does not": "fails"}


class Entry(NamedTuple):
    """A claim, what a run has shown, and the command for that run."""

    claim: Claim
    finding: Finding
    command: str


def entries(claims: Sequence[Claim], seed: int, quick: bool, out: Path) -> list[Entry]:
    """Run all claims, with progress, and write their pictures into a folder.

    After an interrupt it is those that had been run.
    """
    made: list[Entry] = []

    def results() -> Iterator[Entry]:
        for claim in claims:
            entry = Entry(claim, claim.run(seed, quick), claim.command(seed, quick))
            save_pictures(entry.finding, out)
            made.append(entry)
            yield entry

    out.mkdir(parents=True, exist_ok=True)
    with suppress(KeyboardInterrupt):
        follow(results(), len(claims), "claim", lambda entry: entry.claim.number)
    return made


def save_pictures(finding: Finding, out: Path) -> None:
    """Write a claim's pictures, light and dark."""
    try:
        for name, draw, _ in finding.pictures:
            drawn = draw(False)
            viz.save(drawn, out / name)
            if name.endswith(".svg"):
                viz.save(draw(True), out / darkened(name))
            else:
                viz.save(drawn.still(), out / stilled(name))
    except ModuleNotFoundError as error:
        fail(f"no booklet: {str(error.name).partition('.')[0]} is missing ({INSTALL})", status=1)
    except viz.GraphvizError as error:
        fail(f"no booklet: {error}", status=1)


def darkened(name: str) -> str:
    """The name of a picture's dark twin."""
    return name.removesuffix(".svg") + "-dark.svg"


def stilled(name: str) -> str:
    """The name of the picture that stands for a page on paper."""
    return name.removesuffix(".html") + "-paper.svg"


# -- numbers --------------------------------------------------------------------------------------


def write_json(made: Sequence[Entry], path: Path) -> Path:
    """What was found, for programs: by claim its verdict, numbers, pictures and command."""
    content = {
        entry.claim.number: {
            "verdict": entry.finding.verdict,
            "claim": entry.claim.claim,
            "numbers": {name: plain(x) for name, x in entry.finding.numbers.items()},
            "pictures": [name for name, _, _ in entry.finding.pictures],
            "command": entry.command,
        }
        for entry in made
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(path, text + "\n")


def plain(x: float | str) -> float | str:
    """A number as JSON has it, which knows neither nan nor infinity."""
    return x if isinstance(x, str) or math.isfinite(x) else str(x)


# -- the page -------------------------------------------------------------------------------------


def write_booklet(made: Sequence[Entry], out: Path) -> Path:
    """Write ``index.html``, with the pictures that lie in the same folder inside it."""
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        contents="\n".join(map(content_row, made)),
        cards="\n".join(card(entry, out) for entry in made),
    )
    return write_atomically(out / "index.html", page)


def content_row(entry: Entry) -> str:
    """A claim in the table of contents."""
    number, title = entry.claim.number, escape(entry.claim.title)
    return (
        f'<tr><td><a href="#{number}">{number}</a></td><td><a href="#{number}">{title}</a></td>'
        f"<td>{badge(entry.finding.verdict)}</td></tr>"
    )


def badge(verdict: str) -> str:
    """The verdict, in words and in a colour."""
    kind = next(KINDS[start] for start in ("holds if", "holds", "does not") if start in verdict)
    return f'<span class="{kind}">{escape(verdict)}</span>'


def card(entry: Entry, out: Path) -> str:
    """A claim with all that belongs to it."""
    claim, finding, command = entry
    numbers = "\n".join(
        f"<tr><td>{escape(name)}</td><td>{escape(shown(x))}</td></tr>"
        for name, x in finding.numbers.items()
    )
    figures = "\n".join(figure(name, caption, out) for name, _, caption in finding.pictures)
    return f"""<section id="{claim.number}">
<h2><span>{claim.number}</span> {escape(claim.title)}</h2>
<p class="claim">{escape(claim.claim)}</p>
<p class="verdict">{badge(finding.verdict)}</p>
<pre>{escape(finding.text)}</pre>
{figures}
<div class="numbers"><table>
{numbers}
</table></div>
<p class="command"><code>{escape(command)}</code></p>
</section>"""


def figure(name: str, caption: str, out: Path) -> str:
    """A picture, light or dark as the page is, or a page to step through."""
    said = f"<figcaption>{escape(caption)}</figcaption>"
    if name.endswith(".html"):
        on_paper = f'<img class="paper" alt="{escape(caption)}" src="{data(out, stilled(name))}">'
        return f'<figure class="player">{frame(out / name)}{on_paper}{said}</figure>'
    on_dark = 'media="screen and (prefers-color-scheme: dark)"'
    dark = f'<source {on_dark} srcset="{data(out, darkened(name))}">'
    image = f'<img alt="{escape(caption)}" src="{data(out, name)}">'
    kind = ' class="tall"' if is_tall(out / name) else ""
    return f"<figure{kind}><picture>{dark}{image}</picture>{said}</figure>"


def is_tall(path: Path) -> bool:
    """Whether a picture needs more room on paper than what fits in twice."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', path.read_text(encoding="utf-8"))
    return box is not None and float(box[2]) > 0.75 * float(box[1])


def frame(path: Path) -> str:
    """A page in the page, which may run its own scripts and nothing else."""
    inside = escape(path.read_text(encoding="utf-8"))
    return f'<iframe sandbox="allow-scripts" title="Step by step" srcdoc="{inside}"></iframe>'


def data(out: Path, name: str) -> str:
    """A picture as an address that contains it."""
    return "data:image/svg+xml;base64," + base64.b64encode((out / name).read_bytes()).decode()
