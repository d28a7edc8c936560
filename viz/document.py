"""The player's page as one HTML document: its styles and scripts, and all that it plays from."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from string import Template
from typing import Any

from .text import printable, shorten
from .theme import DARK, LIGHT, Surface, Theme

PAGE = Path(__file__).with_name("page")
STYLES = ("player", "graph", "training", "media")
SCRIPTS = (
    *("text", "score", "passes", "paths", "culprit"),
    *("routes", "labels", "faces", "stage", "camera", "side"),
    *("panel", "program", "pathlist"),
    *("axes", "curve", "plane", "network", "film"),
    *("address", "sheets", "controls", "player", "start"),
)


def page(content: dict[str, Any]) -> str:
    """The HTML document."""
    name = shorten(printable(content["nodes"][-1]["name"]))
    title = content["film"]["title"] if content["film"] else f"Backpropagation through {name}"
    title = content["title"] or title
    style = palette() + "".join(read(f"{s}.css") for s in STYLES)
    script = "'use strict';\n(() => {\n" + "".join(read(f"{s}.js") for s in SCRIPTS) + "})();\n"
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    data = json.dumps({**content, "title": title}, separators=(",", ":"))
    return Template(read("player.html")).substitute(
        policy=policy,
        title=html.escape(title),
        style=style,
        script=script,
        score=data.replace("<", "\\u003c"),  # so that no text can end the element it stands in
    )


def read(name: str) -> str:
    """A part of the page."""
    return (PAGE / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """What a content-security policy knows an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def palette() -> str:
    """Both themes as CSS variables: the system's by default, the other by ``data-theme``."""
    light, dark = variables(LIGHT), variables(DARK)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=light]{{color-scheme:light;{light}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        f"@media print{{:root,:root[data-theme=dark]{{color-scheme:light;{light}}}}}\n"
    )


def variables(theme: Theme) -> str:
    """A palette as CSS variables."""
    found = []
    for name, value in vars(theme).items():
        if isinstance(value, Surface):
            found += [f"--{name}-fill:{value.fill}", f"--{name}-stroke:{value.stroke}"]
        elif isinstance(value, str):
            found.append(f"--{name}:{value}")
    return ";".join(found)
