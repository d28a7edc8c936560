"""Mutants that no test can notice, by place and change, and why."""

from .places import GENERATED

EXPLAINED = {
    ("backward", "sender: n > LONGEST → n >= LONGEST"): "`send` does the same, only slower",
    ("neuron", "for_inputs: 2 * n >= LONGEST → 2 * n > LONGEST"): "`LONGEST` is odd",
    ("neuron", "for_inputs: 2 * n → n"): "a wide neuron is one node or two: nobody can tell",
    (
        "tensor/backward",
        "accumulate: d.dtype != x._data.dtype and x._data.dtype in ARRAYS → "
        "x._data.dtype in ARRAYS",
    ): "an array as its own type is its equal",
    ("require", "value: sign"): "it checks its argument; nobody takes what it gives",
    ("require", "value: × 1.0001"): "it checks its argument; nobody takes what it gives",
} | {
    (
        GENERATED,
        f"make {row}: type({x}) is not Value_ and (not isinstance_({x}, Value_)) → "
        f"not isinstance_({x}, Value_)",
    ): "the first question is the second one, only quicker"
    for row, x in (("exp", "x"), ("max", "a"), ("elu", "x"))
}
