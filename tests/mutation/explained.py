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
    (
        "program/code",
        "Code.emit: self.arrays and (isinstance(rule, Rule) or rule.name in BROADCASTING) → "
        "isinstance(rule, Rule) or rule.name in BROADCASTING",
    ): "numbers alone have no precision and no axes: it is only slower",
    (
        "program/code",
        "Code.infer: op.name != 'astype' and all((x.weak for x in given)) → "
        "all((x.weak for x in given))",
    ): "a number in the precision of an array is only computed with beside such arrays",
    (
        "program/code",
        "Code.harmonised: type(x) is Op and x.weak and (x.dtype != kind) → "
        "x.weak and x.dtype != kind",
    ): "beside an array and a number of a place there is no third number",
    (
        "program/code",
        "Code.harmonised: type(x) is Op and x.weak and (x.dtype != kind) → "
        "type(x) is Op and x.weak",
    ): "a number in its own precision is the same number",
    (
        "program/code",
        "OpMathematics.__getattr__: name in TABLE and TABLE[name].atomic → TABLE[name].atomic",
    ): "a row that calls what there is not has raised when the function was recorded",
    (
        "program/derive",
        "Derived.kept: type(x) is Op and x.shape and "
        "any((s.written and s.start is root for s in slots)) → type(x) is Op and x.shape",
    ): "a copy of what nobody writes to has the same numbers",
    (
        "program/derive",
        "Derived.in_precision: self.code.arrays and type(g) is Op and (type(x) is Op) and "
        "(g.dtype != x.dtype) → self.code.arrays and type(g) is Op and (type(x) is Op)",
    ): "a gradient in its own precision is the same gradient",
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
