"""Names that somebody reads when an iteration is over, and those that are scratch.

That nothing more is scratch than may be is also seen by the programs of ``test_loop_programs``:
there, what is scratch is unbound after each iteration.
"""

import ast
from textwrap import indent

import pytest

from tracegraph.twin.liveness import Liveness

CASES = {
    "read behind the loop": ("for i in x:\n  a = i\n  b = a\nreturn b", "b"),
    "read in the next iteration": ("for i in x:\n  f(a)\n  a = i", "a f"),
    "bound before it is read": ("for i in x:\n  a = i\n  f(a)", "f"),
    "bound on one way": ("for i in x:\n  if i: a = 1\n  f(a)", "a f"),
    "bound on both ways": ("for i in x:\n  if i: a = 1\n  else: a = 2\n  f(a)", "f"),
    "augmented": ("for i in x: a += i", "a"),
    "deleted": ("for i in x:\n  a = i\ndel a", "a"),
    "an item is assigned": ("for i in x: a[i] = i", "a"),
    "unpacked": ("for i in x:\n  a, (b, *c) = i\n  f(a, b, c)", "f"),
    "annotated": ("for i in x:\n  a: T = i\n  f(a)", "T f"),
    "declared alone": ("for i in x:\n  f(a)\n  a: T", "T a f"),
    "the target": ("for i in x: f(i)\ni = 1\nreturn i", "f"),
    "the target, read behind": ("for i in x: f(1)\nreturn i", "f i"),
    "bound anew behind": ("for i in x: a = i\na = 1\nreturn a", ""),
    "bound anew behind on one way": ("for i in x: a = i\nif i: a = 1\nreturn a", "a i"),
    "else of the loop": ("for i in x: a = i\nelse: f(a)", "a f"),
    "else that binds": ("for i in x:\n  a = i\nelse: a = 1\nreturn a", "a"),
    "break": ("for i in x:\n  a = i\n  if f(b): break\n  b = i\nreturn a", "a b f"),
    "break past else": ("while x:\n  a = 1\n  break\nelse: a = 2\nreturn a", "a x"),
    "continue": ("for i in x:\n  if f(a): continue\n  a = i", "a f"),
    "return in the loop": ("for i in x:\n  a = i\n  return a", ""),
    "condition": ("while f(a):\n  a = 1\n  b = a", "a f"),
    "walrus in the condition": ("while (a := f()): g(a)", "a f g"),
    "outer loop": ("while x:\n  f(a)\n  for i in x: a = i", "a f x"),
    "comprehension": ("for i in x:\n  a = i\n  f([b for b in a])", "b f"),
    "what a comprehension reads": ("for i in x:\n  f([a for _ in i])\n  a = i", "a f"),
    "lambda": ("for i in x:\n  a = i\n  f(lambda: a)", "a f"),
    "function inside": ("def g(): return a\nfor i in x: a = i", "a"),
    "generator expression": ("for i in x:\n  a = i\n  f(a for _ in i)", "_ a f i"),
    "class inside": ("for i in x:\n  a = i\n  class K: b = a", "a b"),
    "try": ("try:\n  for i in x:\n    a = i\n    f()\nexcept E: g(a)", "E a f g"),
    "try that binds first": ("try:\n  a = 0\n  for i in x: a = i\nexcept E: g(a)", "E a g"),
    "finally": ("try:\n  for i in x: a = i\nfinally: g(a)", "a g"),
    "finally around a return": (
        "for i in x:\n  try:\n    a = i\n    return\n  finally: g(a)",
        "a g",
    ),
    "try inside": ("for i in x:\n  try:\n    a = f()\n  except E: a = 1\n  g(a)", "E f g"),
    "else of try": ("for i in x:\n  try: f()\n  except E: pass\n  else: a = 1\n  g(a)", "E a f g"),
    "with": ("for i in x:\n  with f() as c:\n    a = g(c)\n  f(a)", "a c f g"),
    "match": ("for i in x:\n  match i:\n    case [a]: f(a)\n    case _: b = 1", "a f"),
    "assert": ("for i in x:\n  a = i\n  assert a, b", "b"),
}


def ends_of(source: str, private: str | None = None) -> list[tuple[set[str], set[str]]]:
    (node,) = ast.parse(f"def function(x):\n{indent(source, '    ')}").body
    assert isinstance(node, ast.FunctionDef)
    return [({*live}, {*behind}) for live, behind in Liveness(node, private).ends.values()]


@pytest.mark.parametrize("case", CASES)
def test_live_at_the_end_of_an_iteration(case: str) -> None:
    source, expected = CASES[case]
    live, _ = ends_of(source)[0]
    assert live - {"x"} | ({"x"} if "x" in expected.split() else set()) == {*expected.split()}


def test_private_names_are_those_of_the_class() -> None:
    assert ends_of("for i in x: __a = i\nreturn __a", "_Owner") == [({"_Owner__a"},) * 2]


def test_each_loop_of_a_function_is_told_apart() -> None:
    inner, outer = ends_of("for i in x:\n  for j in i: a = j\n  b = a\nreturn b")
    assert inner == ({"a"}, {"a"})
    assert outer == ({"a", "b"}, {"b"})
