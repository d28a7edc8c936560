"""Every picture on the contact sheet, as a reader would meet it: large enough, nothing cropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium
from contact_sheet import SHOTS, Shot, take

pytestmark = pytest.mark.thorough  # a browser takes its time


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_texts_are_large_enough_and_lie_on_nothing(
    browser: Any, shot: Shot, tmp_path: Path
) -> None:
    taken = take(browser, shot, tmp_path)
    assert taken.image.stat().st_size > 5_000
    if taken.measures:
        assert not taken.measures.faults
        assert taken.measures.smallest >= shot.least or not taken.measures.smallest


def test_there_are_thirty_of_every_kind() -> None:
    assert len(SHOTS) >= 30
    assert len({shot.name for shot in SHOTS}) == len(SHOTS)
    assert {shot.medium for shot in SHOTS} == {"slide", "phone", "notebook", "print"}
    assert {shot.dark for shot in SHOTS} == {True, False}
