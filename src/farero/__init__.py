"""Farero keeps machine-learning models working in production. These are the names that a project file uses: `import farero as fa`."""

from farero.project.declare import Project
from farero.project.features import Features, choice, date, flag, number, personal
from farero.project.judging import Gate
from farero.project.learning import Binary, Classes, Classifier, Number, Regressor, TrainingSet
from farero.project.renewing import Candidate, Policy, Risk
from farero.project.rolling import Rollout
from farero.project.watching import Drift, Fairness, Performance, Quality, Slo

__version__ = "0.1.0"

__all__ = [
    "Binary", "Candidate", "Classes", "Classifier", "Drift", "Fairness", "Features", "Gate", "Number", "Performance", "Policy", "Project",
    "Quality", "Regressor", "Risk", "Rollout", "Slo", "TrainingSet", "__version__", "choice", "date", "flag", "number", "personal",
]  # fmt: skip
