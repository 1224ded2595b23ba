"""The one answer of the compiler besides a compiled model: why this model has none."""

from __future__ import annotations


class NotCompiled(Exception):
    """The model is left as it is. Its text is one sentence for people, such as "PCA is not among the steps that are compiled"."""
