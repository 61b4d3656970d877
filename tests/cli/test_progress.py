"""Progress of rows, where there is no terminal."""

from latlas.cli import _progress


def test_a_plain_line_comes_at_most_every_ten_seconds_and_goes_to_standard_error(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    with _progress.rows_done("evaluate") as told:
        for done, seconds in ((1, 1.0), (2, 9.9), (3, 10.1), (4, 12.0), (5, 21.0)):
            now[0] = seconds
            told(done, 5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "evaluate: 3 of 5 examples\nevaluate: 5 of 5 examples\n"
