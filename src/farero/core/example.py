"""A row that fits a schema: for documentation, and for the first request that somebody tries."""

from __future__ import annotations

from farero.core.schema import Field, Schema


def example_row(schema: Schema) -> dict[str, object]:
    """One row with a plausible value for every feature, and a key where there is one. Personal fields may be left out, and are.

    >>> from farero.core.schema import Field
    >>> example_row(Schema(fields=(Field(name="tenure", kind="number", min=0, max=72), Field(name="paper", kind="flag"))))
    {'tenure': 36, 'paper': True}
    """
    row: dict[str, object] = {field.name: example_value(field) for field in schema.features}
    if schema.key is not None and schema.key not in row:
        row[schema.key] = "A-1"
    return row


def example_value(field: Field) -> object:
    """A value that the field accepts."""
    if field.kind == "number":
        return _number(field.min, field.max)
    if field.kind == "choice":
        return field.levels[0] if field.levels else "text"
    return True if field.kind == "flag" else "2024-05-01T12:00:00Z" if field.kind == "date" else "text"


def _number(low: float | None, high: float | None) -> float:
    if low is not None and high is not None:
        value = (low + high) / 2
    elif low is not None:
        value = max(low, 1.0)
    else:
        value = 1.0 if high is None else min(high, 1.0)
    whole = float(round(value))
    fits = (low is None or whole >= low) and (high is None or whole <= high)
    return int(whole) if fits else round(value, 6)
