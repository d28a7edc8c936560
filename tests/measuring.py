"""Measures a stage in the browser: whether texts are on each other, on edges or out of cards."""

from __future__ import annotations

from typing import Any

OVERLAPS = """() => {
  const found = [];
  const graph = [...document.querySelectorAll('svg.graph, svg.network, .curve, .dots')]
    .filter((svg) => svg.getClientRects().length);
  for (const svg of graph) {
    const shown = (part) => {
      if (!part.textContent.trim() || part.closest('.flag')) return false;
      const style = getComputedStyle(part);
      return style.visibility !== 'hidden' && part.getClientRects().length;
    };
    const texts = [...svg.querySelectorAll('text')].filter(shown).map((part) => {
      const box = part.getBoundingClientRect();
      return { part, box, said: `${part.getAttribute('class')} ${part.textContent}` };
    });
    const meet = (a, b, by) => a.left < b.right - by && b.left < a.right - by
      && a.top < b.bottom - by && b.top < a.bottom - by;
    texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
      if (meet(a.box, b.box, 0.5)) found.push(`${a.said} on ${b.said}`);
    }));
    const free = texts.filter(({ part }) => part.matches('.partial, .chip, .weight, .tick'));
    const cards = [...svg.querySelectorAll('rect.card, circle.neuron')]
      .map((card) => card.getBoundingClientRect());
    for (const { box, said } of free) {
      if (cards.some((card) => meet(box, card, 0.5))) found.push(`${said} on a card`);
    }
    const heads = [...svg.querySelectorAll('path.head')]
      .map((head) => head.getBoundingClientRect());
    for (const { box, said } of free) {
      if (heads.some((head) => meet(box, head, 0.5))) found.push(`${said} on a head`);
    }
    for (const { part, box, said } of texts) {
      const card = part.closest('[data-node]')?.querySelector('.card').getBoundingClientRect();
      const out = card && (box.left < card.left + 1 || box.right > card.right - 1);
      if (out) found.push(`${said} out of its card`);
    }
    const edges = free.length ? svg.querySelectorAll('path.line, path.synapse') : [];
    for (const path of edges) {
      const matrix = path.getScreenCTM();
      const half = parseFloat(getComputedStyle(path).strokeWidth) * matrix.a / 2;
      const length = path.getTotalLength();
      for (let at = 0; at <= length; at += 3) {
        const p = path.getPointAtLength(at).matrixTransform(matrix);
        const edge = { left: p.x - half, right: p.x + half, top: p.y - half, bottom: p.y + half };
        for (const { box, said } of free) if (meet(box, edge, 0)) found.push(`${said} on an edge`);
      }
    }
  }
  return [...new Set(found)];
}"""

SMALLEST = """(selector) => Math.min(...[...document.querySelectorAll(selector)].filter((part) => {
    const box = part.getBoundingClientRect();
    const style = getComputedStyle(part);
    const own = [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    return own && box.width > 2 && box.height > 2 && box.right > 0 && box.bottom > 0
      && box.left < innerWidth && box.top < innerHeight && style.visibility !== 'hidden';
  }).map((part) => parseFloat(getComputedStyle(part).fontSize)
    * (part.getScreenCTM ? part.getScreenCTM().d : 1)))"""


def overlaps(page: Any) -> list[str]:
    """Texts of stages that are on a text, a card or an edge, or stand out of their card."""
    found: list[str] = page.evaluate(OVERLAPS)
    return found


def smallest(page: Any, selector: str) -> float:
    """The smallest type among the elements in sight, in CSS pixels."""
    return float(page.evaluate(SMALLEST, selector))
