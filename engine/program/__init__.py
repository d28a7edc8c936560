"""Programs: record a function once, replay it as straight-line code.

>>> program = record(lambda x, w: (w * x).tanh(), 0.5, 2.0)
>>> print(program.source)
def program(x, w):
    # forward
    t1 = w * x
    value = np.tanh(t1)
    # backward
    d_t1 = 1 - value * value
    d_w = x * d_t1
    d_x = w * d_t1
    return value, (d_x, d_w)
<BLANKLINE>
>>> program(0.0, 3.0)
(0.0, (3.0, 0.0))

All programs are made of one kind of thing, an `Op`: an operation on numbers or arrays. They go
through these parts, in this order:

- `recording` notes what a function does, whole rows and backward passes; `watching` tells it, and
  `surroundings`, `effects` and `twice` see to it that the recording keeps nothing for ever;
- `batch`, `layers` and `blocks` (optional): many numbers that are alike become arrays;
- `derive` writes the rows out and pulls gradients back: what is left is `code` of simple
  operations (`ops`), in their `simpler` forms;
- `write` prints these, with `names`, in the `dialects`: to be read, or on Python's floats
  (`straight` runs them); `buffered` as NumPy in arrays made once (`buffers`); `loops` for a
  compiler (`machine`, with `kernels`; `compiler` keeps what it made, `worth` says when it pays);
- `program` is what `record` gives; `fusion` makes one node of a program.
"""

from __future__ import annotations

from .program import Program, record
from .surroundings import GuardError

__all__ = ["GuardError", "Program", "record"]
