"""``fp="contract"``: a product that feeds one addition or subtraction becomes a fused operation.

It depends on the program alone, never on the width of vectors or on where a loop begins, so that
every copy of a computation rounds alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tracegraph.ir.loop_substitute import Rewriter, rebuilt, rewrite
from tracegraph.ir.loops import Program, roots, statements
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, walk


def contract(program: Program) -> Program:
    """Fuse every product that has one use, an addition or a subtraction, with that use."""
    tops = [r for s in statements(program.body) for r in roots(s)]
    tops += program.indices.values()
    uses = _uses(tops)

    def rule(scalar: Scalar, args: tuple[Scalar, ...]) -> Scalar:
        if scalar.op not in ("add", "subtract") or scalar.dtype.kind != "f":
            return rebuilt(scalar, args)
        for k, factor in enumerate(scalar.args):
            if factor.op == "multiply" and uses[factor] == 1:
                return _fused(scalar, args, k)
        return rebuilt(scalar, args)

    rewriter = Rewriter(rule)
    indices = {symbol: rewriter(scalar) for symbol, scalar in program.indices.items()}
    return replace(program, body=rewrite(program.body, rewriter), indices=indices)


def _uses(tops: Iterable[Scalar]) -> Counter[Scalar]:
    tops = tuple(tops)
    uses = Counter(tops)
    for scalar in walk(*tops):
        uses.update(scalar.args)
    return uses


def _fused(scalar: Scalar, args: tuple[Scalar, ...], k: int) -> Scalar:
    """Return ``a*b + c``, ``a*b - c`` or ``c - a*b``, the product being operand ``k``."""
    product, other = args[k], args[1 - k]
    a, b = product.args
    if scalar.op == "subtract" and k == 0:
        other = _negated(other)
    elif scalar.op == "subtract":
        a = _negated(a)
    return Scalar("fma", (a, b, other), scalar.dtype)


def _negated(scalar: Scalar) -> Scalar:
    return Scalar("negative", (scalar,), scalar.dtype)
