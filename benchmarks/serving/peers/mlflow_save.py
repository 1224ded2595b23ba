"""Saves a fitted model as MLflow's scikit-learn flavour that answers probabilities: `python mlflow_save.py FOLDER OUT`."""

import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
model = joblib.load(folder / "model.joblib")
sample = pd.read_csv(folder / "data.csv", nrows=100)[list(model.feature_names_in_)]
mlflow.sklearn.save_model(
    model, out, serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba",
    signature=infer_signature(sample, model.predict_proba(sample)), pip_requirements=["scikit-learn"],
)  # fmt: skip
