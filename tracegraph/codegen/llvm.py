"""Loop program -> LLVM text: the function of one kernel.

Text is made of strings; vectors are explicit and LLVM only legalises them. ``Scopes`` puts each
instruction where it belongs, ``Places`` computes addresses, ``llvm_scalar`` has the table of
instructions. One function is written by one ``FunctionWriter``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tracegraph.codegen.llvm_cold import any_lane, cold_call
from tracegraph.codegen.llvm_fold import fold_end, fold_join, fold_states, fold_step
from tracegraph.codegen.llvm_memory import Memory
from tracegraph.codegen.llvm_scalar import instruction
from tracegraph.codegen.llvm_scope import UNROLL, Register, Result, Scopes
from tracegraph.codegen.llvm_table import Table
from tracegraph.codegen.llvm_types import Writer, constant, memory, register
from tracegraph.codegen.loops.analysis import is_chain, scalars_of
from tracegraph.ir.errors import GraphError
from tracegraph.ir.loops import (
    Buffer,
    Carry,
    For,
    Program,
    Statement,
    Store,
    parameters,
)
from tracegraph.ir.record import record, replace
from tracegraph.ir.scalar import ELEMENTARY, Scalar, constant_value, walk
from tracegraph.ir.size_values import is_multiple
from tracegraph.ir.sizes import Symbol, nonnegative

IDEMPOTENT = ("maximum", "minimum", "logical_or", "logical_and", "argmax", "argmin")


@record(eq=True)
class NativeKernel:
    """The text of a kernel and how it is called.

    Parameters
    ----------
    name : str
        The function is ``define hidden void @name(pointers..., integers...)``.
    text : str
        The definition of the function.
    helpers : mapping of str to str
        Definitions of what it uses, by name, such as cold functions: each stands once in a module.
    declarations : frozenset of str
        ``declare`` lines that the text needs.
    buffers : tuple of str
        Whose addresses are the pointers.
    symbols : tuple of Symbol
        Whose values are the integers.
    """

    name: str
    text: str
    helpers: Mapping[str, str]
    declarations: frozenset[str]
    buffers: tuple[str, ...]
    symbols: tuple[Symbol, ...]

    def inlined(self) -> NativeKernel:
        """Return the kernel as one that LLVM puts in the places of its calls."""
        head, brace, rest = self.text.partition(" {\n")
        head = head.replace("define hidden", "define internal", 1)
        return replace(self, text=f"{head} alwaysinline{brace}{rest}")


def native(program: Program) -> NativeKernel:
    """Return the LLVM text of a loop program whose elementary functions are expanded."""
    return FunctionWriter(program).kernel()


class FunctionWriter:
    """Writes one program as one function."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._scopes = Scopes()
        self._declarations: set[str] = set()
        self._cold: dict[str, str] = {}
        self._table = Table(program.name)
        self._reads_constants = False
        self._vector: Symbol | None = None
        self._lanes = 1
        self._fresh: set[Scalar] = set()
        self._symbols = parameters(program)
        self._memory = Memory(self._scopes, self._symbol, self._declare, program)
        for number, symbol in enumerate(self._symbols):
            self._scopes.keep(symbol, Register(f"%n.{number}", 1, 0))

    def kernel(self) -> NativeKernel:
        self._body(self._program.body)
        program, symbols = self._program, self._symbols
        given = [b for b in program.buffers if not b.local]
        arguments = [f"ptr noalias %b.{b.name}" for b in given]
        arguments += [f"i64 %n.{k}" for k in range(len(symbols))]
        lines = self._scopes.stack[0].lines
        text = "\n".join(
            [
                f"define hidden void @{program.name}({', '.join(arguments)}) "
                '"prefer-vector-width"="256" nounwind {',
                "entry:",
                *(_local(b) for b in program.buffers if b.local),
                *lines,
                "  ret void",
                "}",
            ]
        )
        names = tuple(b.name for b in given)
        declarations = frozenset(self._declarations)
        helpers = self._cold | self._table.definitions()
        if self._scopes.unrolls:
            helpers["unroll"] = UNROLL
        return NativeKernel(program.name, text, helpers, declarations, names, symbols)

    def _declare(self, line: str) -> None:
        self._declarations.add(line)

    def _symbol(self, symbol: Symbol) -> Register:
        found = self._scopes.find(symbol)
        if found is not None:
            return found
        if symbol not in self._program.indices:
            raise GraphError(f"the program {self._program.name} does not define {symbol}")
        return self._value(self._program.indices[symbol])

    # ---- statements

    def _body(self, body: Sequence[Statement]) -> None:
        self._run(self._before_last_run(body))

    def _before_last_run(self, body: Sequence[Statement]) -> list[Store]:
        """Write statements up to the stores that end a body; return those."""
        run: list[Store] = []
        for statement in body:
            if isinstance(statement, Store):
                run.append(statement)
                continue
            self._run(run)
            run = []
            self._for(statement)
        return run

    def _run(self, run: Sequence[Store], ends: Callable[[], list[Result]] = list) -> list[Result]:
        """Write a parallel assignment: all is computed before the first store."""
        values = [self._value(store.value) for store in run]
        results = ends()
        wide = [self._wide(store.value, v) for store, v in zip(run, values, strict=True)]
        self._memory.store_all(list(zip(run, wide, strict=True)), self._vector, self._lanes)
        self._scopes.forget_fleeting()
        self._fresh.clear()
        return results

    # ---- loops

    def _for(self, loop: For) -> None:
        starts = [self._wide(c.start, self._value(c.start)).text for c in loop.carries]
        if loop.extent == 0:
            results = self._nothing(loop, starts)
        else:
            extent = self._memory.places.size(loop.extent).text
            condition = None
            if not nonnegative(loop.extent - 1):
                condition = self._scopes.emit(self._scopes.top, f"icmp sgt i64 {extent}, 0")
            stages = self._stages_of_vector if loop.lanes > 1 else self._stages_of_serial
            results = self._scopes.gate(
                condition,
                lambda: stages(loop, extent, starts),
                lambda: [r.text for r in self._nothing(loop, starts)],
            )
        self._leave(loop, results)

    def _leave(self, loop: For, results: Sequence[Result]) -> None:
        left = iter(results)
        w = self._writer(self._scopes.top, self._lanes)
        for fold in loop.folds:
            found = fold_end(w, fold, [next(left) for _ in fold_states(fold)])
            self._keep_result(fold.result, found)
        for carry in loop.carries:
            self._keep_result(carry.result, next(left))

    def _keep_result(self, leaf: Scalar, result: Result) -> None:
        lanes = self._lanes if result.type.startswith("<") else 1
        self._scopes.keep(leaf, Register(result.text, lanes, self._scopes.top))

    def _nothing(self, loop: For, starts: Sequence[str]) -> list[Result]:
        """Return what a loop without iterations gives: sums are +0."""
        results = []
        for fold in loop.folds:
            lanes = self._lanes
            for dtype, start in fold_states(fold):
                start = 0 if fold.combine == "add" else start
                results.append(Result(register(dtype, lanes), constant(start, dtype, lanes)))
        return results + self._carry_results(loop.carries, starts)

    def _carry_results(self, carries: Sequence[Carry], texts: Sequence[str]) -> list[Result]:
        types = [register(c.state.dtype, self._lanes) for c in carries]
        return [Result(t, v) for t, v in zip(types, texts, strict=True)]

    def _identities(self, loop: For) -> list[str]:
        return [
            constant(start, dtype, self._lanes)
            for fold in loop.folds
            for dtype, start in fold_states(fold)
        ]

    def _stages_of_serial(self, loop: For, extent: str, starts: Sequence[str]) -> list[Result]:
        return self._loop(loop, ("0", extent, 1), [*self._identities(loop), *starts])

    def _stages_of_vector(self, loop: For, extent: str, starts: Sequence[str]) -> list[Result]:
        """Write whole vectors, then what is left: shifted back where that is harmless."""
        if starts:
            raise GraphError("a loop that carries a value cannot run as vectors")
        lanes, shifts = loop.lanes, self._may_shift(loop)
        if is_multiple(loop.extent, lanes):
            return self._main(loop, extent, None)
        if not isinstance(loop.extent, int):
            return self._symbolic_vector(loop, extent, shifts)
        whole = loop.extent - loop.extent % lanes
        if shifts and whole:
            return self._main(loop, extent, extent)
        totals = [Result("", t) for t in self._identities(loop)]
        if whole:
            totals = self._main(loop, str(whole), None)
        return self._loop(_serial(loop), (str(whole), extent, 1), [t.text for t in totals])

    def _symbolic_vector(self, loop: For, extent: str, shifts: bool) -> list[Result]:
        top = self._scopes.top
        whole = self._scopes.emit(top, f"and i64 {extent}, {-loop.lanes}")
        some = self._scopes.emit(top, f"icmp sgt i64 {whole}, 0")
        identities = self._identities(loop)
        totals = self._scopes.gate(
            some,
            lambda: self._main(loop, extent if shifts else whole, extent if shifts else None),
            lambda: identities,
        )
        compared = "icmp eq i64 {}, 0" if shifts else f"icmp slt i64 {{}}, {extent}"
        rest = self._scopes.emit(top, compared.format(whole))
        first = "0" if shifts else whole
        texts = [t.text for t in totals]
        return self._scopes.gate(
            rest,
            lambda: self._loop(_serial(loop), (first, extent, 1), texts),
            lambda: texts,
        )

    def _may_shift(self, loop: For) -> bool:
        """Return whether iterations may run twice: no sums, nothing read of what is written."""
        return all(f.combine in IDEMPOTENT for f in loop.folds) and not self._memory.rereads(loop)

    def _main(self, loop: For, limit: str, clamp: str | None) -> list[Result]:
        """Write the loop over vectors; ``clamp`` is the extent that the last must not pass."""
        last = ""
        if clamp is not None:
            last = self._scopes.emit(self._scopes.top, f"sub i64 {clamp}, {loop.lanes}")
        self._vector, self._lanes = loop.index, loop.lanes
        self._reads_constants = not loop.folds and is_chain(scalars_of((loop,)))
        bounds = "0", limit, loop.lanes
        results = self._loop(loop, bounds, self._identities(loop), last)
        self._vector, self._lanes, self._reads_constants = None, 1, False
        return self._joined(loop, results)

    def _joined(self, loop: For, results: Sequence[Result]) -> list[Result]:
        left, joined = iter(results), []
        w = self._writer(self._scopes.top, loop.lanes)
        for fold in loop.folds:
            joined += fold_join(w, fold, [next(left).text for _ in fold_states(fold)])
        return joined

    def _loop(
        self, loop: For, bounds: tuple[str, str, int], starts: Sequence[str], last: str = ""
    ) -> list[Result]:
        """Write one loop that runs at least once; the starts are those of folds, then carries."""
        states = [self._scopes.name("s") for _ in starts]

        def inside(index: str) -> list[Result]:
            top = self._scopes.top
            if last:
                self._declare("declare i64 @llvm.smin.i64(i64, i64)")
                index = self._scopes.emit(top, f"call i64 @llvm.smin.i64(i64 {index}, i64 {last})")
            self._scopes.keep(loop.index, Register(index, 1, top))
            carried = states[len(states) - len(loop.carries) :]
            for carry, state in zip(loop.carries, carried, strict=True):
                self._scopes.keep(carry.state, Register(state, self._lanes, top))
            run = self._before_last_run(loop.body)
            return self._run(run, lambda: self._ends(loop, states))

        return self._scopes.loop(bounds, lambda: starts, states, inside)

    def _ends(self, loop: For, states: Sequence[str]) -> list[Result]:
        """Write what an iteration hands to the next: totals of folds, then carries."""
        results, left = [], iter(states)
        w = self._writer(self._scopes.top, self._lanes)
        for fold in loop.folds:
            new = [self._wide(s).text for s in (fold.value, fold.place) if s is not None]
            before = [next(left) for _ in fold_states(fold)]
            results += fold_step(w, fold, before, new)
        texts = [self._wide(c.next).text for c in loop.carries]
        return results + self._carry_results(loop.carries, texts)

    # ---- scalars

    def _value(self, root: Scalar) -> Register:
        """Return the register of a scalar, and write what it is computed from."""
        found = self._scopes.find(root)
        if found is not None:
            return found
        for scalar in walk(root, enter=lambda s: self._scopes.find(s) is None):
            found = self._compute(scalar)
            self._scopes.keep(scalar, found, fleeting=scalar in self._fresh)
        assert found is not None
        return found

    def _wide(self, scalar: Scalar, found: Register | None = None) -> Register:
        """Return a scalar in all lanes."""
        found = self._value(scalar) if found is None else found
        return self._spread(scalar, found, self._lanes, self._scopes.top)

    def _spread(self, scalar: Scalar, found: Register, lanes: int, user: int) -> Register:
        """Return a value in all lanes, for an instruction in the scope ``user``."""
        if found.lanes == lanes:
            return found
        if self._reads_constants and self._table.holds(scalar):
            text = self._table.read(scalar, lanes, self._writer(user, lanes).emit)
            return Register(text, lanes, user)
        if scalar.op == "const":
            return Register(constant(constant_value(scalar), scalar.dtype, lanes), lanes, 0)
        key = ("spread", found.text, lanes)
        known = self._scopes.find(key)
        if known is not None:
            return known
        home = self._scopes.home((found.scope,))
        one, many = register(scalar.dtype, 1), register(scalar.dtype, lanes)
        text = self._scopes.emit(home, f"insertelement {many} poison, {one} {found.text}, i64 0")
        text = self._scopes.emit(
            home, f"shufflevector {many} {text}, {many} poison, <{lanes} x i32> zeroinitializer"
        )
        return self._scopes.keep(key, Register(text, lanes, home))

    def _writer(self, scope: int, lanes: int) -> Writer:
        return Writer(lanes, lambda text: self._scopes.emit(scope, text), self._declare)

    def _compute(self, scalar: Scalar) -> Register:
        if scalar.op == "const":
            return Register(constant(constant_value(scalar), scalar.dtype), 1, 0)
        if scalar.op == "size":
            return self._memory.size(scalar.attr("value"), self._vector, self._lanes)
        if scalar.op == "load":
            if self._memory.is_written(scalar):
                self._fresh.add(scalar)
            return self._memory.load(scalar, self._vector, self._lanes)
        if not scalar.args:
            raise GraphError(f"{scalar.op} {scalar.attrs} is used outside the loop it belongs to")
        if any(a in self._fresh for a in scalar.args):
            self._fresh.add(scalar)
        return self._operation(scalar)

    def _operation(self, scalar: Scalar) -> Register:
        found = [self._value(a) for a in scalar.args]
        lanes = max(r.lanes for r in found)
        home = self._scopes.home([r.scope for r in found])
        wide = [self._spread(a, r, lanes, home) for a, r in zip(scalar.args, found, strict=True)]
        texts = [r.text for r in wide]
        if scalar.op == "slow_path" or scalar.op in ELEMENTARY:
            text = self._cold_call(scalar, texts, lanes, home)
        else:
            text = instruction(self._writer(home, lanes), scalar, texts)
        return Register(text, lanes, home)

    def _cold_call(self, scalar: Scalar, texts: Sequence[str], lanes: int, home: int) -> str:
        """Write a call of the C library where any lane needs it."""
        w = self._writer(home, lanes)
        call = cold_call(w, scalar, texts)
        self._cold[call.name] = call.definition
        if call.fast is None:
            return w.emit(call.text)
        some = any_lane(w, texts[0])
        result = Result(w.type(scalar.dtype), call.fast)
        return self._scopes.branch(home, some, lambda: w.emit(call.text), result)


def _serial(loop: For) -> For:
    return replace(loop, lanes=1)


def _local(buffer: Buffer) -> str:
    return f"  %b.{buffer.name} = alloca [{buffer.local} x {memory(buffer.dtype)}], align 64"
