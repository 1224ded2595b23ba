from __future__ import annotations

from pathlib import Path

import farero as fa


def test_classes_are_kept_in_the_order_in_which_they_are_written() -> None:
    label = fa.Classes("outcome", "won", "lost", "drawn", arrives_within="2d")
    assert (label.name, label.classes, label.arrives_within) == ("outcome", ("won", "lost", "drawn"), "2d")


def test_a_label_knows_where_it_was_declared() -> None:
    assert Path(fa.Classes("outcome", "won", "lost", arrives_within="2d").place.file).name == Path(__file__).name
