"""Numbers and user text in pictures, and the colours they have."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from viz.text import (
    TOOLTIP_LENGTH,
    brief_number,
    exact_number,
    html,
    number,
    printable,
    short_number,
    shorten,
    tooltip,
)
from viz.theme import DARK, LIGHT, Surface, Theme


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.0, "2"),
        (-6.0, "−6"),
        (0.5, "0.5"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.3333"),
        (0.99999, "1.0000"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.0034, "0.0034"),
        (0.0001, "0.0001"),
        (8.73e-4, "8.73e−04"),
        (-8.73e-4, "−8.73e−04"),
        (9999.0, "9999"),
        (10_000.0, "10000"),
        (12345.678, "12345.7"),
        (123456.7, "123457"),
        (-123456789.0, "−123456789"),
        (1.5e7 + 0.25, "1.5e+07"),
        (5e-324, "4.94e−324"),
        (-1.7e308, "−1.7e+308"),
        (math.inf, "inf"),
        (-math.inf, "−inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_are_exact_or_have_four_decimals_or_an_exponent(x: float, text: str) -> None:
    assert number(x) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1.0, "1"), (-3.0, "−3"), (0.2162, "0.216"), (-0.0, "0"), (1.234e-5, "1.2e−05"),
        (1.0019, "1.00"), (18.0, "18"), (-1234.5, "−1234"), (math.inf, "inf"), (1e5, "1.0e+05"),
    ],
)  # fmt: skip
def test_local_derivatives_have_few_digits(x: float, text: str) -> None:
    assert brief_number(x) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 15))
def test_a_number_is_close_to_what_it_shows_and_fits_on_a_card(x: float, digits: int) -> None:
    text = number(x, digits)
    value = float(text.replace("−", "-"))
    assume(math.isfinite(value))  # 1.5e308 to one digit is 2e308
    tiny, coarse = 10.0**-digits / 2, 10.0 ** (1 - min(max(digits - 1, 1), 6)) / 2
    assert abs(value - x) <= max(1.01 * coarse * abs(x), tiny if abs(x) >= 1e-3 else 0)
    assert len(text) <= 11 + max(digits - 4, 0)
    if digits < 15 and not text.endswith("0") and "." in text and "e" not in text:
        assert round(x, len(text.partition(".")[2])) == value


@given(st.integers(-999_999_999, 999_999_999), st.integers(1, 15))
def test_whole_numbers_are_written_whole(x: int, digits: int) -> None:
    assert number(float(x), digits) == str(x).replace("-", "−")


@given(st.floats(allow_nan=False))
def test_tooltips_give_the_very_float_back(x: float) -> None:
    assert float(exact_number(x).replace("−", "-")) == x


@given(st.floats())
def test_no_number_is_written_with_a_hyphen(x: float) -> None:
    assert "-" not in number(x) + short_number(x) + brief_number(x) + exact_number(x)


@given(st.text(st.characters(codec=None)))
def test_printable_text_is_xml(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
    assert not set(shown) & set("\ufffe\uffff\u2028\u2029\u202e\u2066")
    shown.encode()


@pytest.mark.parametrize("name", ["x", "θ₁", "重み", "עברית", "👩‍👩‍👧", "é", "a b"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == html(name) == name


def test_long_names_end_in_an_ellipsis() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
    assert len(html("x" * 10_000)) < 30
    assert TOOLTIP_LENGTH < len(tooltip("x" * 10_000)) < TOOLTIP_LENGTH + 10


@given(st.text())
def test_user_text_never_leaves_its_place_in_dot(text: str) -> None:
    assert not set(html(text)) & set('<>"\\')
    quoted = tooltip(text)
    assert quoted[0] == quoted[-1] == '"'
    assert not set(quoted[1:-1]) & set('<>"')
    assert quoted[1:-1].count("\\") % 4 == 0


# ---------------- colours


def luminance(color: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2), from 1 to 21."""
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_is_readable_on_every_surface(theme: Theme) -> None:
    surfaces = [v for f in fields(theme) if isinstance(v := getattr(theme, f.name), Surface)]
    grounds = [theme.page, *(surface.fill for surface in surfaces)]
    signs = (theme.plus, theme.minus, theme.zero, theme.alert)
    for text, ground in product((theme.ink, theme.muted, *signs), grounds):
        assert contrast(text, ground) >= 4.5, (text, ground)
    for surface in (theme.input, theme.parameter):  # their role is written in the border's colour
        assert contrast(surface.stroke, surface.fill) >= 4.5
    assert contrast(theme.page, theme.alert) >= 4.5  # what is not finite
    for surface in surfaces:
        assert contrast(surface.stroke, theme.page) >= 3


def test_signs_have_their_colours() -> None:
    assert LIGHT.sign(2.0) == LIGHT.sign(math.inf) == LIGHT.plus
    assert LIGHT.sign(-2.0) == LIGHT.minus
    assert LIGHT.sign(0.0) == LIGHT.sign(-0.0) == LIGHT.zero
    assert LIGHT.sign(math.nan) == LIGHT.alert
