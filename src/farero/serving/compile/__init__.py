"""Fitted models as native code: `compile_model` makes an engine that answers as the model does, or says why there is none."""

from farero.serving.compile.blend import CompiledBlend
from farero.serving.compile.model import compile_model
from farero.serving.compile.refused import NotCompiled
from farero.serving.compile.single import Compiled

__all__ = ["Compiled", "CompiledBlend", "NotCompiled", "compile_model"]
