"""Random programs of loops and lists: ``python -m tests.random_programs.lists first count``."""

from __future__ import annotations

import sys
from textwrap import indent

from tests.random_programs.loops import OUTER, Writer, main

APPENDING = (
    "ys.append(x)", "ys.append(x.copy())", "ys.append(x * t)", "ts.append(t)", "ts.append(t * 2)",
    "ys += [x + 1]", "ys.extend([x * 2, x - 1])", "ts.append(float(x[0]))", "ks.append(k)",
    "ys.append(np.tanh(ys[-1]))", "ts.append(ts[-1] * 0.5 + t)", "note(x)", "ks.append(i * 2)",
    "ys.append(z)", "ys.append(A[i])", "ts.append(t * len(ts))", "x = x * 0.9; ys.append(x)",
    "zs.append(x)", "zs.append(ys[-1] * 1)", "ys.append(x[:])",
)  # fmt: skip
LOOKING = (
    "x = ys[-1] * 0.5", "t = ts[-1] * 0.5", "t = t + len(ts)", "ys[-1][0] = t", "ts.pop()",
    "t = t + sum(ts) * 0.01", "z = ys[-1]", "ys = ys[-3:]", "zs = ys", "x = np.mean(ys, axis=0)",
)  # fmt: skip
BETWEEN = (
    "pass", "ys[0][0] = 3", "x[0] = 4", "ys.append(x)", "zs = ys", "x = np.sum(ys, axis=0) * 0.1",
    "ys.reverse()", "t = t + len(ys)", "for y in ys: t = t + y[0]", "ts = sorted(ts)", "x += 1",
    "ys[-1][1] = 5", "z[0] = 7", "y = np.array(ys)",
)  # fmt: skip
LISTS = (
    "np.array(ys), ts, x", "ys, np.array(ts)", "ys, zs, ts", "np.array(ys), np.array(zs), A, ks",
    "np.stack(ys), np.array(ts), len(zs)", "np.concatenate(ys), sum(ts), x, z", "ys, ys[-1], x, z",
    "np.vstack(ys), list(ts), ks", "np.array(ks), ts, t, zs",
)  # fmt: skip


class ListWriter(Writer):
    """Writes programs of lists."""

    def text(self) -> str:
        lines = ["n, m = A.shape", "x = A[0] * 1", "t = 0.5", "y = b * 2", "z = x", "w = None"]
        lines += ["k = 0", "i = 0", "ys = [x]" if self.rng.random() < 0.5 else "ys = [x * 2]"]
        lines += ["p = q = (x * 2, t)", "d = e = {'x': x, 't': t}", "r = [t, 1.0]"]
        lines += ["ts, zs = [t], []", "ks = []", "def note(one): ys.append(one * 3)"]
        for _ in range(int(self.rng.integers(1, 3))):
            lines += [self.loop("i", OUTER), self.choose(BETWEEN)]
        lines.append(f"return {self.choose(LISTS)}")
        return "def f(A, b, s):\n" + indent("\n".join(lines), "    ")

    def statement(self, name: str) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return self.choose(APPENDING)
        if kind < 0.45:
            return self.choose(LOOKING)
        if kind < 0.6:
            return self.branch(self.choose(APPENDING), name)
        return super().statement(name)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), ListWriter)
