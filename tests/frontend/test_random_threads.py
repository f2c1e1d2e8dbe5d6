"""Generators that threads share, and the memory in which generators keep their states."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.random_streams import state_of
from tracegraph.ir.streams import STREAMS, Handle, stream


def test_threads_share_a_generator_without_drawing_twice() -> None:
    """Every number is drawn once, whoever draws it."""
    g, h = np.random.default_rng(3), np.random.default_rng(3)
    compiled = tg.compile(lambda r: r.random(50) + r.random(50))
    compiled(g)
    h.random(100)
    found: list[Any] = []

    def work(number: int) -> None:
        for _ in range(40):
            found.append(compiled(g) if number else g.random(50) + g.random(50))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {tuple(h.random(50) + h.random(50)) for _ in range(160)}
    assert {tuple(x) for x in found} == expected
    assert g.bit_generator.state == h.bit_generator.state


def test_threads_that_want_two_generators_in_either_order() -> None:
    g, h = np.random.default_rng(3), np.random.default_rng(4)
    compiled = tg.compile(lambda a, b: a.random(200).sum() + b.random(200).sum())
    compiled(g, h)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(compiled, *((g, h) if k % 2 else (h, g))) for k in range(60)]
        assert all(np.isfinite(job.result(30)) for job in jobs)
    for bits, seed in ((g, 3), (h, 4)):
        other = np.random.default_rng(seed)
        other.random(200 * 61)
        assert bits.bit_generator.state == other.bit_generator.state


def test_a_failed_call_gives_the_lock_back() -> None:
    g = np.random.default_rng(3)
    compiled = tg.compile(lambda r, s: r.normal(0.0, s))
    compiled(g, 1.0)
    with pytest.raises(ValueError, match="scale"):
        compiled(g, -1.0)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(g.bit_generator.lock.acquire, timeout=5).result()


# -- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMS)
def test_a_state_that_is_read_and_written_is_numpys(name: str) -> None:
    one, other = stream(name).new(1), stream(name).new(2)
    for _ in range(5):
        one.standard_normal()
        Handle(other).write(Handle(one).read())
        np.testing.assert_equal(state_of(other), state_of(one))


def test_a_state_that_points_outside_is_refused() -> None:
    for name in ("Generator(MT19937)", "Generator(Philox)"):
        state = Handle(stream(name).new(1)).read()
        with pytest.raises(ValueError, match="no state"):
            Handle(stream(name).new(1)).write(np.full_like(state, 2**40 - 1))
