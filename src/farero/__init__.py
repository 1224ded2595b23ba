"""Farero keeps machine-learning models working in production. These are the names that a project file uses: `import farero as fa`."""

from farero.project.declare import (
    Binary,
    Classes,
    Classifier,
    Drift,
    Gate,
    Number,
    Performance,
    Policy,
    Project,
    Quality,
    Regressor,
    Risk,
    TrainingSet,
)
from farero.project.features import Features, choice, date, flag, number, personal

__version__ = "0.1.0"

__all__ = [
    "Binary", "Classes", "Classifier", "Drift", "Features", "Gate", "Number", "Performance", "Policy", "Project", "Quality", "Regressor",
    "Risk", "TrainingSet", "__version__", "choice", "date", "flag", "number", "personal",
]  # fmt: skip
