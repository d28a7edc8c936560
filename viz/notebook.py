"""Pictures in the cell of a notebook.

A notebook that someone has handed out is not trusted: JupyterLab takes SVG, styles and frames out
of its cells and leaves text and PNG images. What is made here is both: the PNG, and the SVG, which
takes the PNG's place by a style. The SVG stands in the page itself, not in an image, so it takes
the colours of a dark page, shows its tooltips, fits in its cell, and is magnified by a click.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

from .theme import DARK, LIGHT, Theme
from .words import Words

_DARK_PAGES = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]')
_UNUSED = re.compile(
    r"<!--.*?-->\s*|(?<=>)\s*<title>[^<]*</title>"  # Graphviz's own names of nodes and edges
    r'| id="(?:a_)?(?:graph|node|edge|clust)\d[^"]*"',
    re.DOTALL,
)
_IDS = re.compile(r'(\bid="|href="#|url\(#)')
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_STYLE = """\
.gradpath-live:has(svg){display:block;position:relative;overflow:auto;max-height:90vh;\
cursor:zoom-in;margin:0}
.gradpath-live:has(svg)~.gradpath-still,.gradpath-page~.gradpath-still{display:none}
.gradpath-live input{position:absolute;opacity:0}
.gradpath-live svg{display:block;max-width:100%;height:auto}
.gradpath-live a{text-decoration:none!important}
.gradpath-live:has(:checked){cursor:zoom-out}
.gradpath-live .gradpath-dark{display:none}
.gradpath-live :checked~svg{max-width:none;width:max(var(--gp-width),180%)}
.gradpath-live:has(:focus-visible){outline:2px solid}
.gradpath{--gp-page:var(--jp-layout-color0,var(--vscode-editor-background,#FFFFFF))}
"""


def in_cell(svg: str, png: bytes, words: Words, *, follows: bool, dark: str = "") -> dict[str, Any]:
    """What a notebook shows for a picture, by MIME type.

    Args:
        svg: the picture.
        png: the same as an image.
        words: the same in words.
        follows: whether its colours become those of a dark notebook; else it stays as it is.
        dark: the picture for a dark notebook, where colours are not all, as in one with pixels.
    """
    return {
        "text/plain": str(words),
        "text/html": markup(svg, png, words, follows=follows, dark=dark),
        "image/svg+xml": fitted(svg),
        "image/png": png,
    }


def markup(svg: str, png: bytes, words: Words, *, follows: bool, dark: str = "") -> str:
    """The picture as HTML that stays whole, or becomes the image, in whatever notebook."""
    svgs = inline(svg, follows=follows)
    if dark:
        page = inline(dark, follows=False).replace(DARK.page.lower(), "var(--gp-page)")
        svgs = marked(svgs, "gradpath-light") + marked(page, "gradpath-dark")
    return (
        f'<div class="gradpath"><style>{style()}</style>'
        '<label class="gradpath-live" hidden="hidden" title="A click magnifies">'
        f'<input type="checkbox" aria-label="Magnify: {escape(words.title)}">'
        f"{svgs}</label>{still(png, words)}</div>"
    )


def marked(svg: str, name: str) -> str:
    """The SVG with a class."""
    return svg.replace("<svg ", f'<svg class="{name}" ', 1)


def beside(page: str, png: bytes, words: Words) -> str:
    """A page in a frame, of which a notebook that is not trusted shows an image and words."""
    return (
        f'<div class="gradpath"><style>{style()}</style>{page}'
        f'<div class="gradpath-still">{still(png, words)}<p>{escape(words.text)}</p></div></div>'
    )


def still(png: bytes, words: Words) -> str:
    """The PNG as an image in the page."""
    data = b64encode(png).decode()
    return (
        '<img class="gradpath-still" style="max-width: 100%; border-radius: 6px" '
        f'alt="{escape(str(words))}" src="data:image/png;base64,{data}">'
    )


def inline(svg: str, *, follows: bool) -> str:
    """An SVG that can stand in a page beside others, in the colours of that page."""
    svg = _UNUSED.sub("", svg[svg.index("<svg ") :])
    svg = _IDS.sub(rf"\g<1>p{sha256(svg.encode()).hexdigest()[:8]}-", svg)
    svg = svg.replace(' aria-labelledby="gradpath-title gradpath-text"', "").replace(
        ' aria-labelledby="gradpath-title"', ""
    )
    width = re.search(r'\bwidth="([\d.]+)(\w*)"', svg)
    natural = f"{width[1]}{width[2] or 'px'}" if width else "100%"
    if follows:
        svg = _COLOR.sub(lambda found: variable(found[0]), svg)
    return svg.replace("<svg ", f'<svg style="--gp-width:{natural}" ', 1)


def fitted(svg: str) -> str:
    """A picture that is no wider than the cell that it is shown in: JupyterLab crops others."""
    return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


# ---------------- colours


def variable(color: str) -> str:
    """A colour of the light palette as the page has it; any other stays."""
    name = names().get(color.upper())
    return f"var(--gp-{name},{color})" if name else color


@cache
def names() -> dict[str, str]:
    """The light palette's colours with their names."""
    return {color: name for name, color in colors(LIGHT).items()}


@cache
def style() -> str:
    """The style of every picture: how it stands in its cell, and the colours of a dark page."""
    dark = "".join(f"--gp-{name}:{color};" for name, color in colors(DARK).items())
    page = f"--gp-page:var(--jp-layout-color0,var(--vscode-editor-background,{DARK.page}))"
    where = ",".join(f"{page} .gradpath" for page in _DARK_PAGES)
    rules = {
        ".gradpath-page": "color-scheme:dark",
        ".gradpath-live .gradpath-light": "display:none",
        ".gradpath-live .gradpath-dark": "display:block",
    }
    others = [
        f"{','.join(f'{page} {part}' for page in _DARK_PAGES)}{{{rule}}}\n"
        for part, rule in rules.items()
    ]
    return f"{_STYLE}{where}{{{dark}{page}}}\n{''.join(others)}"


def colors(theme: Theme) -> dict[str, str]:
    """All colours of a palette, and of what stands back in it, by name."""
    faded = {f"faded-{name}": color for name, color in theme.faded.colors.items()}
    del faded["faded-page"]
    return theme.colors | faded
