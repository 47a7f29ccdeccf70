"""The history on disk is the history that happened, also after the load process was killed."""

from __future__ import annotations

from pathlib import Path

from server.rehearsal.history import Sent
from server.rehearsal.history_file import HistoryWriter, read_history


def write(path: Path) -> HistoryWriter:
    book = HistoryWriter(path)
    book.invoke(Sent("a1", "p1", 1, "i1", ("x", "y"), clicked_at=5.0))
    book.invoke(Sent("a1", "p1", 2, "i2", ("z",), clicked_at=6.0))
    book.ok(("a1", "p1", 1), "counted", 12.3456)
    book.reconnected(1.25)
    book.flush()
    return book


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    book = write(tmp_path / "h")
    history = read_history(tmp_path / "h")
    first, second = history.sent[("a1", "p1", 1)], history.sent[("a1", "p1", 2)]
    assert (first.value, first.acked, first.standing, first.save_ms) == (("x", "y"), True, "counted", 12.346)
    assert first.acked_at is not None
    assert first.clicked_at == 5.0
    assert (second.acked, second.acked_at) == (False, None)
    assert history.reconnect_s == [1.25]
    assert (book.clicked, book.acked, book.recent()) == (2, 1, [12.3456])
    book.close()


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "h").close()
    whole = (tmp_path / "h").read_bytes()
    (tmp_path / "h").write_bytes(whole[:-4])
    history = read_history(tmp_path / "h")
    assert len(history.sent) == 2
    assert history.reconnect_s == []
