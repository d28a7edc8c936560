"""What a reader would see of a picture, measured in a browser: sizes of texts, overlaps, cropping.

A picture is measured as it is shown on a slide of 960 × 540 points, fitted into it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SLIDE = (960, 540)  # points
PIXEL = 0.75  # points

# Texts of one line that follow each other are one text; what is drawn in white on a filled cell,
# as a mark, is a text like any other. A text of a card is inside its border, or in the strip at the
# card's side, where it is inside of nothing.
MEASURE = r"""
(svg) => {
  const view = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim());
  const inked = (text) => {  // the box without the blanks at its ends
    const range = document.createRange(), said = text.textContent;
    const start = said.length - said.trimStart().length;
    range.setStart(text.firstChild, start);
    range.setEnd(text.firstChild, start + said.trim().length);
    return range.getBoundingClientRect();
  };
  const boxes = texts.map((text) => {
    const r = inked(text), m = text.getScreenCTM();
    const size = parseFloat(getComputedStyle(text).fontSize) * Math.hypot(m.a, m.b);
    return { text: text.textContent.trim(), size, l: r.left, t: r.top, r: r.right, b: r.bottom };
  });
  // A line's box is higher than its letters: only the middle of it counts.
  const inner = (b) => ({ l: b.l + 1, r: b.r - 1, t: b.t + 0.22 * (b.b - b.t),
                          b: b.b - 0.24 * (b.b - b.t) });
  const overlaps = [], cropped = [], bordering = [];
  for (let i = 0; i < boxes.length; i++) {
    const a = inner(boxes[i]);
    if (a.l < view.left - 1 || a.r > view.right + 1 || a.t < view.top - 1 || a.b > view.bottom + 1)
      cropped.push(boxes[i].text);
    for (let j = i + 1; j < boxes.length; j++) {
      const b = inner(boxes[j]);
      const w = Math.min(a.r, b.r) - Math.max(a.l, b.l);
      const h = Math.min(a.b, b.b) - Math.max(a.t, b.t);
      if (w > 1 && h > 1) overlaps.push(`${boxes[i].text} | ${boxes[j].text}`);
    }
  }
  for (const group of svg.querySelectorAll('g.node')) {
    const frames = [...group.querySelectorAll('path, polygon')]
      .map((f) => f.getBoundingClientRect()).filter((f) => f.width > 20 && f.height > 12);
    for (const text of group.querySelectorAll('text')) {
      const r = text.getBoundingClientRect();
      for (const f of frames) {
        const crosses = (r.left < f.left - 0.5 && r.right > f.left + 1.5)
          || (r.left < f.right - 1.5 && r.right > f.right + 0.5);
        if (crosses && r.top > f.top && r.bottom < f.bottom && text.textContent.trim())
          bordering.push(text.textContent.trim());
      }
    }
  }
  const sizes = boxes.map((b) => b.size);
  return { width: view.width, height: view.height,
           smallest: sizes.length ? Math.min(...sizes) : 0, overlaps, cropped, bordering };
}
"""


@dataclass(frozen=True)
class Measures:
    """What was measured of a picture.

    Attributes:
        smallest: the smallest text's size in points, where the picture fills a slide.
        overlaps: pairs of texts that lie on each other.
        cropped: texts that stand out of the picture.
        bordering: texts that cross the border of their card.
    """

    smallest: float
    overlaps: tuple[str, ...]
    cropped: tuple[str, ...]
    bordering: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """All that should not be, in words."""
        kinds = {"overlap": self.overlaps, "cropped": self.cropped, "on a border": self.bordering}
        return tuple(f"{kind}: {text}" for kind, texts in kinds.items() for text in texts)


def measure(page: Any, svg: str | bytes) -> Measures:
    """Measure a picture in a browser's page, which is left showing it.

    Args:
        page: Playwright's.
        svg: the picture's text.
    """
    text = svg.decode() if isinstance(svg, bytes) else svg
    text = text[text.index("<svg") :]
    page.set_content(f"<!doctype html><body style='margin:0'>{text}</body>")
    found = page.eval_on_selector("svg", MEASURE)
    width, height = found["width"] * PIXEL, found["height"] * PIXEL
    fit = min(SLIDE[0] / width, SLIDE[1] / height)
    lists = (tuple(found[name]) for name in ("overlaps", "cropped", "bordering"))
    return Measures(found["smallest"] * PIXEL * fit, *lists)


def measure_file(page: Any, path: Path) -> Measures:
    """Measure a picture in a file."""
    return measure(page, path.read_text(encoding="utf-8"))


def as_text(measures: Measures) -> str:
    """The measures on one line."""
    return json.dumps({"smallest": round(measures.smallest, 1), "faults": measures.faults})
