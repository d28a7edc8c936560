"""Matrix products as loops, for numba: fast on the small matrices of small networks.

All arrays are of two axes; those whose rows the innermost loop runs along are contiguous.
"""

from __future__ import annotations

from typing import Any


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
