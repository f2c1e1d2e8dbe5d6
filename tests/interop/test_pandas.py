"""pandas: arrays taken out of it compile; its own objects run eagerly, with one warning."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

pd = pytest.importorskip("pandas", reason="pip install 'tracegraph[interop]'")


def frame() -> Any:
    return pd.DataFrame({"a": [1.0, 4.0, 9.0, 16.0], "b": [2.0, 3.0, 4.0, 5.0]})


def scaled(x: Any) -> Any:
    return np.sqrt(x) / x.max()


def test_arrays_of_columns_compile() -> None:
    function = Counted(scaled, strict=True)
    for column in ("a", "b", "a"):
        expected = scaled(frame()[column].to_numpy())
        np.testing.assert_allclose(function(frame()[column].to_numpy()), expected)
    assert function.slow == 1
    np.testing.assert_allclose(function(frame().to_numpy()), scaled(frame().to_numpy()))


def test_a_series_passed_in_is_a_series() -> None:
    function = tg.compile(scaled)
    with pytest.warns(tg.FallbackWarning):
        found = function(frame()["a"])
    pd.testing.assert_series_equal(found, scaled(frame()["a"]))
    pd.testing.assert_series_equal(function(frame()["b"]), scaled(frame()["b"]))
    assert len(function.fallbacks) == 1


def test_a_frame_passed_in_is_a_frame() -> None:
    def whitened(table: Any) -> Any:
        return (table - table.mean()) / table.std()

    function = tg.compile(whitened)
    with pytest.warns(tg.FallbackWarning):
        found = function(frame())
    pd.testing.assert_frame_equal(found, whitened(frame()))


def test_columns_read_inside() -> None:
    def weighted(table: Any) -> Any:
        return np.dot(table["a"].to_numpy(), table["b"].to_numpy())

    function = tg.compile(weighted)
    with pytest.warns(tg.FallbackWarning):
        assert function(frame()) == weighted(frame())
    table = frame()
    assert function(table) == weighted(table)
    table["a"] = 0.0
    assert function(table) == 0


def test_apply_and_its_kin() -> None:
    total = tg.compile(lambda x: (x * x).sum())
    table = frame()
    raw = table.apply(total, raw=True)
    np.testing.assert_allclose(raw, [354, 54])
    np.testing.assert_allclose(table.apply(total, axis=1, raw=True), [5, 25, 97, 281])
    rolled = table["a"].rolling(2).apply(Counted(total.eager), raw=True)
    np.testing.assert_allclose(rolled[1:], [17, 97, 337])
    mapped = table["a"].map(tg.compile(lambda v: v + 1))
    np.testing.assert_allclose(mapped, table["a"] + 1)
    grouped = table.groupby([0, 0, 1, 1])["a"].agg(lambda x: total(x.to_numpy()))
    np.testing.assert_allclose(grouped, [17, 337])


def test_rolling_calls_run_natively() -> None:
    total = Counted(lambda x: (x * x).sum(), strict=True)
    series = pd.Series(np.arange(50.0))
    found = series.rolling(5).apply(total, raw=True)
    np.testing.assert_allclose(found[4:], [(np.arange(k, k + 5.0) ** 2).sum() for k in range(46)])
    assert total.slow <= 2


def test_tensors_in_pandas() -> None:
    tensor = tg.Tensor([1.0, 2.0])
    np.testing.assert_array_equal(pd.Series(tensor.numpy()), [1, 2])
    np.testing.assert_array_equal(pd.Series(np.asarray(tensor)), [1, 2])
