"""A player's steps as slides: pages of a PDF, numbered pictures, a GIF, a video."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages

from .frames import MOST_FRAMES, Play
from .slides import epoch_slide, slide
from .style import Plot, rendered, repeatable

if TYPE_CHECKING:
    from .player import Player

STEP, EPOCH = 2.0, 0.15  # seconds that a slide is shown: a step, and a state of a training run
_PIXELS, _SHARP = 96, 144  # dots per inch of a slide as a bitmap: 1280 × 720, 1920 × 1080
_RATE = 10  # pictures a second of a video


def reel(player: Player, file_format: str, *, dark: bool, seconds: float | None) -> Any:
    """The slides as the content of one file, or of numbered ones.

    Args:
        player: what `play` returned.
        file_format: "pdf", "svg", "png", "gif" or "mp4".
        dark: light on dark.
        seconds: how long each is shown; None for what is usual.

    Raises:
        ValueError: if there are more than 1,000, or ``seconds`` is not positive.
        ModuleNotFoundError: for a video without imageio-ffmpeg.
    """
    if seconds is None:
        seconds = STEP if len(player.film) == 1 else EPOCH
    if not 0.01 <= seconds <= 3600:
        raise ValueError(f"seconds must be from 0.01 to 3600 for each slide, not {seconds!r}")
    if file_format == "mp4":
        encoder()
    count = steps(player)
    if count > MOST_FRAMES:
        raise ValueError(
            f"the player has {count:,} steps; there can be at most {MOST_FRAMES:,} slides. Play "
            "the loss of a single sample, a smaller network, or fewer states of a training run"
        )
    shown = watched(slides(player, dark), count)
    if file_format == "pdf":
        return pages(shown)
    if file_format == "gif":
        return animation([bitmap(plot) for plot in shown], seconds)
    if file_format == "mp4":
        return video((bitmap(plot) for plot in shown), seconds)
    digits = len(str(count))
    made = png if file_format == "png" else svg
    return {f"-{number:0{digits}}": made(plot) for number, plot in enumerate(shown, 1)}


def steps(player: Player) -> int:
    """How many slides there are."""
    if len(player.film) > 1:
        return len(player.film)
    if player.passes:
        return 1 + max(len(moves) for _, moves in player.passes)
    return 3 + 2 * sum(bool(node.args) for node in player.film.order)


def slides(player: Player, dark: bool) -> Iterator[Plot]:
    """The slides, one by one."""
    film, play, last = player.film, Play(player.film.order), steps(player) - 1
    if len(film) > 1:
        yield from (epoch_slide(play, film, i, dark=dark) for i in range(len(film)))
        return
    frames = play.compared(player.passes) if player.passes else play.frames()
    for i, frame in enumerate(frames):
        yield slide(play, frame, f"{i} / {last}", dark=dark)


def watched(plots: Iterable[Plot], count: int) -> Iterable[Plot]:
    """The slides, with a bar on a terminal and in a notebook that tells how far they are."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return plots
    hidden = False if "ipykernel" in sys.modules else None  # None: shown on a terminal only
    bar: Iterable[Plot] = tqdm(plots, total=count, desc="slides", leave=False, disable=hidden)
    return bar


def pages(plots: Iterable[Plot]) -> bytes:
    """The slides as the pages of a PDF."""
    buffer = BytesIO()
    with repeatable(), PdfPages(buffer, metadata={"CreationDate": None}) as pdf:
        for plot in plots:
            pdf.savefig(plot)
    return buffer.getvalue()


def svg(plot: Plot) -> bytes:
    """A slide as SVG."""
    return rendered(plot, "svg")


def png(plot: Plot) -> bytes:
    """A slide as a PNG of 1920 × 1080 pixels."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(bitmap(plot, _SHARP)).save(buffer, "PNG")
    return buffer.getvalue()


def bitmap(plot: Plot, dots: float = _PIXELS) -> Any:
    """A slide as an array of pixels: height × width × 3 bytes."""
    with repeatable():
        plot.set_dpi(dots)
        canvas = FigureCanvasAgg(plot)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return pixels[..., :3].copy()


def animation(bitmaps: list[Any], seconds: float) -> bytes:
    """The slides as a GIF that begins again after its end."""
    from PIL import Image

    rare, no = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE  # rare colours are kept
    images = [Image.fromarray(each).quantize(256, rare, dither=no) for each in bitmaps]
    buffer = BytesIO()
    first, *others = images
    milliseconds = [round(1000 * seconds)] * len(images)
    milliseconds[-1] += 1500  # so that the end is seen
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return buffer.getvalue()


def encoder() -> Any:
    """The library that brings ffmpeg."""
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        cure = "a video needs imageio-ffmpeg, which is missing: pip install 'gradpath[demos]'"
        raise ModuleNotFoundError(cure, name="imageio_ffmpeg") from None
    return imageio_ffmpeg


def video(bitmaps: Iterable[Any], seconds: float) -> bytes:
    """The slides as an H.264 video, which every browser and every slide program plays."""
    with tempfile.TemporaryDirectory(prefix="gradpath-") as folder:
        path = Path(folder) / "video.mp4"
        writer = None
        for each in bitmaps:
            if writer is None:
                size = each.shape[1], each.shape[0]
                writer = encoder().write_frames(
                    str(path), size, fps=1 / seconds, codec="libx264", quality=8,
                    macro_block_size=2, output_params=["-r", str(_RATE)],
                    ffmpeg_log_level="error",
                )  # fmt: skip
                writer.send(None)
            writer.send(np.ascontiguousarray(each))
        if writer is not None:
            writer.close()
        return path.read_bytes()
