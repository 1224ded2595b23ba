"""What one row is, as a pydantic model: the hand-written service and BentoML check their requests with it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class EightNumbers(BaseModel):
    """What both kinds of row begin with."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    n0: float
    n1: float
    n2: float
    n3: float
    n4: float
    n5: float
    n6: float
    n7: float


class ForestRow(EightNumbers):
    """10 numbers."""

    n8: float
    n9: float


class LogisticRow(EightNumbers):
    """8 numbers and 2 choices."""

    c0: Literal["red", "green", "blue", "black", "white"]
    c1: Literal["shop 0", "shop 1", "shop 2", "shop 3", "shop 4", "shop 5", "shop 6", "shop 7"]


ROWS: dict[str, type[BaseModel]] = {"forest": ForestRow, "logistic": LogisticRow}
