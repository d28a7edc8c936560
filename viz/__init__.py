"""Pictures: graphs, gradient paths, derivations, backpropagation step by step, networks, training.

Import this package for free: each function brings its library (Graphviz, matplotlib) when it is
first used. What to read, in this order, the data flowing one way:

- a graph becomes a picture: `drawing` (cards and edges as plain data) with `names` and `formulas`;
  `collapse` decides how much is shown, with what belongs together (`clusters`, `folding`) and what
  can be read (`legible`); `dot` writes it with `cards`, `groupcards` and `strip`, in a `look`;
  `picture` and `layout` run Graphviz. `graphs` is `draw`, all of it in one call.
- more than a graph: `paths` and `pathsum`, the sum over paths; `derivation`, in the `equations` of
  two `script`s, and `matrix`; `backward`, the backward pass as a graph; and of Tensors
  `arrayformulas`, `twin`, `twinpicture` and `twinderivation`.
- the player: `film` (recorded states) and `rehearsal` (a backward pass, move by move) go with
  `staging` (places) into the `score` that the `document`, made of `page/`, plays from; `frames`,
  `slides` and `reel` draw the same steps without a browser.
- plots: `style`, and a file for each, on matplotlib alone.
- where it goes: `notebook` (cells), `export` (files), `words` (for those who cannot see it).
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would cost start-up time
if TYPE_CHECKING:
    from typing import Any

    from .backward import draw_backward
    from .confusion import draw_confusion
    from .curves import draw_curve
    from .depth import draw_depth
    from .derivation import derive
    from .export import save
    from .film import Film
    from .graphs import draw
    from .histograms import draw_histograms
    from .images import draw_images
    from .layout import GraphvizError
    from .network import draw_network
    from .paths import draw_paths
    from .picture import Picture
    from .player import Player, play
    from .regions import draw_regions
    from .surface import draw_surface

__all__ = [
    "Film",
    "GraphvizError",
    "Picture",
    "Player",
    "derive",
    "draw",
    "draw_backward",
    "draw_confusion",
    "draw_curve",
    "draw_depth",
    "draw_histograms",
    "draw_images",
    "draw_network",
    "draw_paths",
    "draw_regions",
    "draw_surface",
    "play",
    "save",
]

_HOMES = {
    "Film": "film",
    "GraphvizError": "layout",
    "Picture": "picture",
    "Player": "player",
    "derive": "derivation",
    "draw": "graphs",
    "draw_backward": "backward",
    "draw_confusion": "confusion",
    "draw_curve": "curves",
    "draw_depth": "depth",
    "draw_histograms": "histograms",
    "draw_images": "images",
    "draw_network": "network",
    "draw_paths": "paths",
    "draw_regions": "regions",
    "draw_surface": "surface",
    "play": "player",
    "save": "export",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'viz' has no attribute {name!r}")
    try:
        home = import_module(f".{_HOMES[name]}", __name__)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "matplotlib":
            raise
        cure = f"viz.{name} needs matplotlib, which is missing: pip install 'gradpath[demos]'"
        raise ModuleNotFoundError(cure, name="matplotlib") from None
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
