"""Every demo that draws takes ``--dark``, and all its pictures are then light on dark."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from viz.theme import DARK

DEMOS = Path(__file__).parents[1] / "demos"
FAST = {
    "moons": ["--epochs", "1", "--noise", "0"],
    "xor": ["--steps", "2"],
    "mistakes": [],
    "digits": ["--epochs", "1", "--hidden", "8"],
    "counting": ["W10", "--quick"],
}


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(DEMOS))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(DEMOS)):
            del sys.modules[name]


@pytest.mark.parametrize("name", FAST)
def test_all_pictures_are_dark(name: str, tmp_path: Path) -> None:
    if name == "digits":
        pytest.importorskip("sklearn")
    demo: Any = importlib.import_module(name)
    arguments = [*FAST[name], "--out", str(tmp_path), "--dark"]
    if hasattr(demo, "main"):
        demo.main(arguments)
    else:
        importlib.import_module("claims").lesson(demo.CLAIMS, arguments)
    pictures = list(tmp_path.glob("*.svg"))
    assert pictures
    for picture in pictures:
        assert DARK.page.lower() in picture.read_text(encoding="utf-8"), picture.name


@pytest.mark.parametrize(
    "path", [p for p in DEMOS.glob("*.py") if "Parser(" in p.read_text(encoding="utf-8")]
)
def test_every_demo_with_arguments_is_asked(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "add_dark" in text or "add_options" in text
