"""Names, calls, attributes and targets, in small functions.

A twin must do what the function does.
"""

# Such code is what the tests are about.
# ruff: noqa: B007, B032, F811, F821, F841, PIE804, RUF012
# mypy: ignore-errors

import math as mathematics
import sys
import warnings

from tests.twin.corpus_parts import Box, helper, labelled

LIMIT = 10
TABLE = {"a": 1, "b": [1, 2, 3]}
COUNTER = 0


# ---- names ----


def reads_globals_and_builtins():
    return LIMIT, len(TABLE), mathematics.pi, __name__


def reads_a_missing_name():
    return missing


def reads_a_local_too_early():
    early = late
    late = early
    return late


def shadows_builtins(slice=3, len=4):
    return slice, len, [1, 2, 3, 4][1:3]


def writes_a_global():
    global COUNTER
    COUNTER = 1
    COUNTER += 4
    (COUNTER, *rest), last = "ab", COUNTER
    for COUNTER in range(3):
        pass
    return COUNTER, rest, last


def binds_a_global_in_other_ways():
    global COUNTER, Made, sys
    import sys

    with Box(3) as COUNTER:
        pass
    seen = [COUNTER.value]

    @labelled("x")
    def COUNTER():
        return 1

    class Made:
        pass

    seen += [COUNTER(), COUNTER.labels, Made.__qualname__, COUNTER.__qualname__]
    if (COUNTER := 5) > 4:
        del COUNTER
    try:
        return seen, COUNTER
    except NameError as error:
        seen.append(str(error))
    COUNTER = 0
    return seen


def captures_a_global():
    global COUNTER
    match [1, 2]:
        case [_, COUNTER]:
            pass
    try:
        raise ValueError
    except ValueError as COUNTER:
        pass
    COUNTER = 0
    return COUNTER


def nested_nonlocal():
    total = 0

    def add(n):
        nonlocal total
        total += n
        return total

    return [add(1), add(2), total]


def names_in_a_class_body():
    LIMIT = 3

    class Body:
        own = LIMIT
        LIMIT = own + 1
        after = LIMIT
        length = len("abc")
        squares = [n * n for n in range(own)]
        where = __qualname__, __module__

        def method(self):
            return LIMIT, __class__.__name__

    return Body.own, Body.after, Body.length, Body.squares, Body.where, Body().method()


def class_local_or_global():
    class Body:
        if COUNTER:
            LIMIT = 1
        got = LIMIT

    return Body.got


class Private:
    __hidden = "class"

    def __init__(self):
        self.__own = 1
        self.__items = {}

    def mangled(self):
        __local = self.__own
        self.__own += 1
        self.__items["k"], self.__other = __local, 2
        del self.__other
        return self.__own, Private.__hidden, vars(self), __local

    def mangled_keyword(self):
        def inner(__x=0):
            return __x

        return inner(_Private__x=3)

    def mangled_nested(self):
        class Inner:
            __hidden = "inner"

            def get(self):
                return self.__hidden, [self.__hidden for _ in "ab"]

        return Inner().get(), sorted(n for n in vars(Inner) if "hidden" in n)


def private_names():
    subject = Private()
    return subject.mangled(), subject.mangled_keyword(), subject.mangled_nested()


def frame_names(a, b=2):
    c = [n for n in range(3)]
    return sorted(locals()), sorted(vars()), dir(), eval("a + b"), len(c)


def frame_names_through_an_alias(a):
    look, run = locals, eval
    return "a" in look(), run("a + 1"), globals() is sys.modules[__name__].__dict__


def locals_in_a_class_body():
    class Body:
        locals()["made"] = 4

    return Body.made


# ---- calls ----


def calls_with_everything(xs, more):
    return helper(1, *xs, 2, *xs, function=3, self=4, **more, z=5, **{"q": 6})


def calls_a_number():
    return LIMIT(1)


def calls_a_number_with_bad_keywords():
    return LIMIT(*[1], **{3: 4})


def calls_with_a_bad_star():
    return helper(1, *5)


def calls_with_a_bad_star_alone():
    return mathematics.floor(*5)


def calls_with_bad_double_star():
    return mathematics.floor(1, **5)


def calls_with_a_doubled_keyword():
    return helper(1, function=2, **{"function": 3})


def calls_with_non_string_keyword():
    return helper(1, **{3: 4})


def star_read_after_keyword(log):
    def numbers():
        log.append("star")
        yield 1

    return helper(*numbers(), function=log.append("keyword")), log


def methods_and_chains():
    return (
        "a,b;c"
        .split(";")[0]
        .split(",")
        .index("b")
    )  # fmt: skip


def stack_level():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("here", stacklevel=1)
    return [(w.filename, w.lineno) for w in caught]


def frames():
    return sys._getframe().f_code.co_name, sys._getframe(0).f_lineno


# ---- attributes, subscripts, targets ----


def stores_everywhere():
    box = Box()
    box.value, (box[1], *box[2:3]) = 1, (2, 3, 4)
    [box["x"], other] = box["y"] = 5, 6
    box.extra = box.again = box[...] = 7
    for box[0], box.last in [(1, 2), (3, 4)]:
        pass
    for box.item in "ab":
        box[box.item] = ord(box.item)
    with Box(1) as box["b"], Box(2) as (box.inner):
        box.note = "in"
    box.typed: int = 3
    box["typed"]: int = 4
    del box[0], box.last, (box["x"], box.note)
    return sorted(vars(box).items(), key=repr), other


def unpacks_badly():
    box = Box()
    box.value, box[1] = 1, 2, 3


def annotated_without_value():
    box = Box()
    box.value: int
    name: int
    return name


def augments():
    box, n, xs = Box(2), 2, [1]
    alias = xs
    xs += (2, 3)
    n **= 3
    n //= 3
    n %= 5
    n <<= 4
    n |= 1
    n ^= 3
    n &= 254
    n >>= 1
    n /= 4
    box.value += 5
    box.value -= 1
    box[1:2] += 7
    box[1:2] *= n
    return xs is alias, n, box


def augments_badly():
    n = "a"
    n -= 1


def augments_a_matrix():
    class Matrix:
        def __matmul__(self, other):
            return "product"

    m = Matrix()
    m @= m
    return m


def slices():
    xs = [*range(9)]
    xs[7:] = [1]
    del xs[:2]
    star = (slice(1, 2),)
    return xs[1:], xs[:-1], xs[::2], xs[-1], Box()[1:2, ..., None, *star]


def missing_attributes():
    return Box().nothing


def missing_items():
    return TABLE["missing"]
