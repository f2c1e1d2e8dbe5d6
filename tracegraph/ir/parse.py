"""The parser of the text form of graphs; see ``text`` for the notation."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tracegraph.ir.errors import ParseError
from tracegraph.ir.graph import Builder, Graph, Op, Site, Value
from tracegraph.ir.ops import OPS
from tracegraph.ir.size_values import FUNCTIONS
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import DTYPES, ArrayType, DType, TupleType, Type

HEAD = re.compile(
    r"(?:@(?P<number>\d+) = )?graph\((?P<params>.*)\)(?: where (?P<where>\w+>=\d+(, \w+>=\d+)*))?:"
)
NODE = re.compile(r"  %(?P<name>\d+): (?P<type>.*?) = (?P<call>\w+\(.*\))(?:  # (?P<site>.*:\d+))?")
RETURN = re.compile(r"  return ?(?P<outputs>.*)")
ARRAY = re.compile(r"(\w+)\[(.*?)\]")
REFERENCE = re.compile(r"([%@])(\d+)")
PREFIXES = {"%": "value_", "@": "graph_"}
"""What stands for ``%`` and ``@`` where Python's grammar reads the text."""

BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def parse_graph(text: str, ops: Mapping[str, Op] = OPS) -> Graph:
    """Return the graph that a text describes.

    Parameters
    ----------
    text : str
        What ``print_graph`` writes.
    ops : mapping of str to Op
        The operations by name.

    Raises
    ------
    ParseError
        A line is not in the form; the message quotes it.

    Examples
    --------
    >>> from tracegraph.ir.text import print_graph
    >>> print(print_graph(parse_graph('''graph(%0: f64[3]):
    ...   %1: f64[3] = add(%0, %0)
    ...   return %1''')))
    graph(%0: f64[3]):
      %1: f64[3] = add(%0, %0)
      return %1
    """
    blocks = list(_blocks(text))
    inner: dict[str, Graph] = {}
    for block in reversed(blocks):
        match = HEAD.fullmatch(block[0])
        if match is None:
            raise ParseError(f"expected the head of a graph, got {block[0]!r}")
        graph = _Parser(ops, inner).graph(match, block[1:])
        if match["number"] is None:
            return graph
        inner[f"graph_{match['number']}"] = graph
    raise ParseError("expected a graph, got no text")


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.strip().splitlines():
        if block and not line.startswith(" "):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _expression(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ParseError(f"expected an expression, got {text!r}") from error


def _dtype(name: str) -> DType:
    if name not in DTYPES:
        raise ParseError(f"expected one of {', '.join(DTYPES)}, got {name!r}")
    return DTYPES[name]


class _Parser:
    """Reads one graph; ``names`` are its values, ``inner`` the graphs read before it."""

    def __init__(self, ops: Mapping[str, Op], inner: Mapping[str, Graph]) -> None:
        self.ops = ops
        self.builder = Builder()
        self.names: dict[str, Any] = dict(inner)
        self.lower: dict[str, int] = {}

    def graph(self, head: re.Match[str], lines: list[str]) -> Graph:
        for bound in filter(None, (head["where"] or "").split(", ")):
            name, lower = bound.split(">=")
            self.lower[name] = int(lower)
        for name, type in re.findall(r"%(\d+): (\w+\[.*?\])", head["params"]):
            self.names[f"value_{name}"] = self.builder.parameter(self.type(type))
        for line in lines:
            match = RETURN.fullmatch(line)
            if match:
                outputs = re.findall(r"%(\d+)", match["outputs"])
                return self.builder.build(self.name(f"value_{name}") for name in outputs)
            self.node(line)
        raise ParseError("expected a `return` line at the end of the graph")

    def node(self, line: str) -> None:
        match = NODE.fullmatch(line)
        if match is None:
            raise ParseError(f"expected `  %1: f64[3] = op(%0)`, got {line!r}")
        site = match["site"]
        self.builder.site = None
        if site:
            filename, _, number = site.rpartition(":")
            self.builder.site = Site(filename, int(number))
        value = self.call(match["call"])
        if value.node.type != self.type(match["type"]):
            raise ParseError(f"{line.strip()!r} has the type {value.node.type}")
        self.names[f"value_{match['name']}"] = value

    def call(self, text: str) -> Value:
        call = _expression(REFERENCE.sub(lambda m: PREFIXES[m[1]] + m[2], text))
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ParseError(f"expected a call of an operation, got {text!r}")
        op = self.ops.get(call.func.id)
        if op is None:
            raise ParseError(f"there is no operation {call.func.id!r}")
        attrs = {str(k.arg): self.evaluate(k.value) for k in call.keywords}
        return self.builder.emit(op, [self.evaluate(a) for a in call.args], attrs)

    def type(self, text: str) -> Type:
        found = [
            ArrayType(_dtype(name), tuple(self.dims(shape))) for name, shape in ARRAY.findall(text)
        ]
        return TupleType(tuple(found)) if text.startswith("(") else found[0]

    def dims(self, text: str) -> Iterator[Dim]:
        yield from self.evaluate(_expression(f"({text},)" if text else "()"))

    def evaluate(self, tree: ast.expr) -> Any:
        match tree:
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=items):
                return tuple(self.evaluate(item) for item in items)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.evaluate(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return BINARY[type(op)](self.evaluate(left), self.evaluate(right))
            case ast.Name(id=name):
                return self.name(name)
            case ast.Call(func=function, args=args):
                return self.number(function, [self.evaluate(arg) for arg in args])
        raise ParseError(f"expected a value, got {ast.unparse(tree)!r}")

    def name(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        for sign, prefix in PREFIXES.items():
            if name.startswith(prefix):
                raise ParseError(f"{sign}{name.removeprefix(prefix)} is used before it is defined")
        if name in DTYPES:
            return DTYPES[name]
        if name in ("nan", "inf"):
            return float(name)
        return symbol(name, lower=self.lower.get(name, 0))

    def number(self, function: ast.expr, args: list[Any]) -> Any:
        match function:
            case ast.Name(id=name) if name in FUNCTIONS:
                return FUNCTIONS[name](*args)
            case ast.Name(id=name) if name in DTYPES:
                return DTYPES[name].type(complex(*args) if len(args) > 1 else args[0])
            case ast.Attribute(value=ast.Name(id=name), attr="bits"):
                dtype = _dtype(name)
                return np.frombuffer(args[0].to_bytes(dtype.itemsize, "little"), dtype)[0]
        raise ParseError(f"there is no {ast.unparse(function)!r}")
