"""Subclasses keep their class and what they add in copies and pickles."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine import Tensor, Value


class Named(Value):
    """A number with a unit."""

    unit: Any


class Slotted(Value):
    """The same in a slot, and one that only the class itself knows."""

    __slots__ = ("__secret", "unit")

    def keep(self, x: object) -> None:
        self.__secret = x

    def tell(self) -> object:
        return self.__secret


class Measured(Tensor):
    """An array with a unit."""

    unit: Any


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "the oldest pickle": lambda x: pickle.loads(pickle.dumps(x, 2)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_subclasses_keep_what_they_add(way: Callable[[Any], Any]) -> None:
    each: list[Any] = [Named(2.0), Slotted(2.0), Measured(np.ones(2))]
    for x in each:
        x.unit = ["m"]
        again = way(x)
        assert type(again) is type(x)
        assert again.unit == ["m"]
        assert (again.unit is x.unit) == (way is copy.copy)
    x = Slotted(1.0)
    x.keep("s")
    assert way(x).tell() == "s"


def test_they_keep_it_inside_a_graph_and_share_what_was_shared() -> None:
    x = Named(3.0)
    x.unit = shared = ["m"]
    y = x * x
    again, also = copy.deepcopy((y, shared))
    (leaf,) = set(again.args)
    assert type(leaf) is Named
    assert leaf.unit is also
    again.backward()
    assert (leaf.grad, x.grad) == (6.0, 0.0)
