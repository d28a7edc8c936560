"""What loops call, for numba: matrix products that are fast on the small matrices of small
networks, and functions in arithmetic alone, which a compiler computes for several numbers at once.

All arrays are of two axes; those whose rows the innermost loop runs along are contiguous.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def product(left: Any, right: Any, out: Any) -> None:
    """out = left · right, along the rows of ``right``; eight terms at a time stay in registers."""
    count, length = right.shape
    first = count % 8
    for i in range(left.shape[0]):
        if first:
            c0 = left[i, 0]
            for s in range(length):
                out[i, s] = c0 * right[0, s]
            for k in range(1, first):
                c0 = left[i, k]
                for s in range(length):
                    out[i, s] += c0 * right[k, s]
        else:
            for s in range(length):
                out[i, s] = 0.0
        for k in range(first, count, 8):
            c0, c1, c2, c3 = left[i, k], left[i, k + 1], left[i, k + 2], left[i, k + 3]
            c4, c5, c6, c7 = left[i, k + 4], left[i, k + 5], left[i, k + 6], left[i, k + 7]
            for s in range(length):
                out[i, s] += (
                    c0 * right[k, s]
                    + c1 * right[k + 1, s]
                    + c2 * right[k + 2, s]
                    + c3 * right[k + 3, s]
                    + c4 * right[k + 4, s]
                    + c5 * right[k + 5, s]
                    + c6 * right[k + 6, s]
                    + c7 * right[k + 7, s]
                )


def product_of_rows(left: Any, right: Any, out: Any) -> None:
    """out = left · rightᵀ: every row with every row, four at a time."""
    count, length = right.shape
    for i in range(left.shape[0]):
        for j in range(0, count - 3, 4):
            t0 = t1 = t2 = t3 = 0.0
            for s in range(length):
                x = left[i, s]
                t0 += x * right[j, s]
                t1 += x * right[j + 1, s]
                t2 += x * right[j + 2, s]
                t3 += x * right[j + 3, s]
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = t0, t1, t2, t3
        for j in range(count - count % 4, count):
            t0 = 0.0
            for s in range(length):
                t0 += left[i, s] * right[j, s]
            out[i, j] = t0


def product_of_any(left: Any, right: Any, out: Any) -> None:
    """out = left · right, whatever their order in memory."""
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            total = 0.0
            for k in range(left.shape[1]):
                total += left[i, k] * right[k, j]
            out[i, j] = total


# x = k·log 2 + r with whole k and |r| ≤ log 2 / 2: then exp x = 2ᵏ·exp r, and a few terms of the
# series give exp r to the last digit. The number 2ᵏ is its exponent, k + 1023, in the bits from 52.
# Two ways to write log 2: the first 32 bits, so that k times these is exact, and the rest.


def exp(x: Any) -> Any:
    """eˣ, to a unit in the last place."""
    bounded = -746.0 if x < -746.0 else 710.0 if x > 710.0 else x  # there it is 0, and inf
    bounded = bounded if x == x else 0.0
    k = np.floor(bounded * 1.4426950408889634 + 0.5)
    r = bounded - k * 0.6931471803691238 - k * 1.9082149292705877e-10
    p = r * (1 / 6227020800) + 1 / 479001600
    p = ((p * r + 1 / 39916800) * r + 1 / 3628800) * r + 1 / 362880
    p = ((p * r + 1 / 40320) * r + 1 / 5040) * r + 1 / 720
    p = ((p * r + 1 / 120) * r + 1 / 24) * r + 1 / 6
    p = (p * r + 0.5) * r * r + r
    half = np.int64(k) >> 1  # in two steps: 2ᵏ alone may be too small or too large
    first = np.int64((half + 1023) << 52).view(np.float64)
    second = np.int64((np.int64(k) - half + 1023) << 52).view(np.float64)
    return (1.0 + p) * first * second if x == x else x


def tanh(x: Any) -> Any:
    """tanh x = −t / (2 + t) with t = exp(−2|x|) − 1, to two units in the last place."""
    twice = -2.0 * abs(x)
    bounded = -100.0 if twice < -100.0 else twice  # there it is 1
    bounded = bounded if x == x else 0.0
    k = np.floor(bounded * 1.4426950408889634 + 0.5)
    r = bounded - k * 0.6931471803691238 - k * 1.9082149292705877e-10
    p = r * (1 / 6227020800) + 1 / 479001600
    p = ((p * r + 1 / 39916800) * r + 1 / 3628800) * r + 1 / 362880
    p = ((p * r + 1 / 40320) * r + 1 / 5040) * r + 1 / 720
    p = ((p * r + 1 / 120) * r + 1 / 24) * r + 1 / 6
    p = (p * r + 0.5) * r * r + r
    power = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    t = power * p + (power - 1.0)
    return math.copysign(-t / (2.0 + t), x) if x == x else x
