"""Fitted models as native code: `compile_model` makes an engine that answers as the model does, or says why there is none."""

from farero.serving.compile.model import Compiled, compile_model
from farero.serving.compile.refused import NotCompiled

__all__ = ["Compiled", "NotCompiled", "compile_model"]
