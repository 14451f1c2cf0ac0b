"""A calibration that was interrupted goes on with what it has judged."""

from tests.calibration import __main__ as calibration


def test_what_was_judged_is_not_judged_again(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "KEPT", tmp_path)
    assert list(calibration._judged(abs, [-1, -2], 1, "corpus")) == [1, 2]
    assert list(calibration._judged(int, [-1, -3, -2], 1, "corpus")) == [1, -3, 2]
    assert list(calibration._judged(int, [-1], 1, "unseen")) == [-1], "each kind by itself"
    assert not list(tmp_path.rglob("*.part"))
