"""Hypothesis strategies for numbers, primitives and whole computation graphs.

This is the door to `engine.check.strategies`, which has them, and `engine.check.computation`.
"""

from .check.computation import Computation as Computation
from .check.computation import Step as Step
from .check.strategies import EDGES as EDGES
from .check.strategies import Primitive as Primitive
from .check.strategies import arrays as arrays
from .check.strategies import computations as computations
from .check.strategies import floats as floats
from .check.strategies import inside as inside
from .check.strategies import is_smooth as is_smooth
from .check.strategies import primitives as primitives
from .check.strategies import vectors as vectors
