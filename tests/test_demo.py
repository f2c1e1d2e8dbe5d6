"""The demo: three ways learn the same, the report is complete, and what is missing is said."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tracegraph import compile, demo

NEEDED = "the demo's own packages: pip install 'tracegraph[demo]'"


@pytest.fixture
def _packages() -> None:
    for name in ("sklearn", "tqdm", "matplotlib"):
        pytest.importorskip(name, reason=NEEDED)


@pytest.mark.usefixtures("_packages")
def test_short_demo_reports_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "demo.png"
    assert demo.main(["--steps", "40", "--output", str(picture)]) == 0
    printed = capsys.readouterr()
    assert "Accuracy on 360 held-out digits" in printed.out
    assert "40 training steps" in printed.out
    assert "fused into" in printed.out
    assert "ran eagerly" not in printed.out
    assert "40/40" in printed.err
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.usefixtures("_packages")
def test_each_way_recognises_the_digits() -> None:
    learn, held = demo.load_digits()
    batches = demo.draw_batches(*learn, 600)
    params = demo.first_params(learn[0].shape[1])
    compiled = compile(demo.descend)
    ways: list[demo.Tape | demo.Functional] = [
        demo.Tape(params),
        demo.Functional(params, demo.descend),
        demo.Functional(params, compiled),
    ]
    runs = [demo.train("", way, batches, lambda items, **_: items) for way in ways]
    assert [run.accuracy(*held) >= 0.95 for run in runs] == [True] * 3
    for run in runs[1:]:
        np.testing.assert_allclose(run.losses, runs[0].losses, rtol=1e-6)
    assert compiled.fallbacks == []
    assert len(compiled.traces) == 1


@pytest.mark.parametrize("missing", ["sklearn", "tqdm", "matplotlib"])
def test_missing_package_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing != "matplotlib":  # the first that is looked for
        pytest.importorskip("matplotlib", reason=NEEDED)
    if missing == "tqdm":
        pytest.importorskip("sklearn", reason=NEEDED)
    assert demo.main([]) == 1
    message = capsys.readouterr().err
    assert f"{missing} is missing" in message
    assert "pip install 'tracegraph[demo]'" in message


@pytest.mark.parametrize("steps", ["0", "many"])
def test_bad_number_of_steps(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(["--steps", steps])
    assert "--steps" in capsys.readouterr().err
