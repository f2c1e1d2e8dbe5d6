"""Loops and branches as functions: one operation each where they are recorded."""

from tracegraph.control.branches import cond, switch
from tracegraph.control.loops import fori_loop, map, scan, while_loop

__all__ = ["cond", "fori_loop", "map", "scan", "switch", "while_loop"]
