"""What the interface shows: no checker may find anything here."""

from datetime import datetime

import farero as fa
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


class Customer(fa.Features):
    tenure: float = fa.number(unit="month", min=0)
    charge: float = fa.number(unit="EUR/month", min=0, missing="allowed")
    contract: str = fa.choice("monthly", "yearly")
    region: str = fa.choice("north", "south", missing="allowed", new="allow")
    paperless: bool = fa.flag()
    since: datetime = fa.date(missing="allowed")
    email: str = fa.personal("drop")


def train(data: fa.TrainingSet) -> fa.Classifier:
    return HistGradientBoostingClassifier(random_state=data.seed, categorical_features="from_dtype").fit(data.X, data.y)


def train_number(data: fa.TrainingSet) -> fa.Regressor:
    return HistGradientBoostingRegressor(random_state=data.seed).fit(data.X, data.y)


class Mean:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, X: object) -> list[float]:
        return [self.value]


def train_own(data: fa.TrainingSet) -> Mean:
    return Mean(float(data.y.mean()))


project = fa.Project(
    model="churn",
    features=Customer,
    train=train,
    key="customer_id",
    label=fa.Binary("cancelled", arrives_within="30d"),
    monitors=[fa.Quality(max_missing=0.05), fa.Drift(), fa.Performance("roc_auc", min=0.80, by=["contract", "region"])],
    policy=fa.Policy(
        gate=fa.Gate("roc_auc", gain=0.005, also={"log_loss": 0.0}, no_worse={"recall": 0.02, "brier": 0}, sure=0.95, by=["contract"])
    ),
)
number = fa.Project(model="n", features=Customer, train=train_number, label=fa.Number("cnt", arrives_within="1h", unit="bike"))
own = fa.Project(model="o", features=Customer, train=train_own, label=fa.Number("cnt", arrives_within="1h"), risk=fa.Risk(high_from=0.8))
classes = fa.Project(model="c", features=Customer, train=train, label=fa.Classes("plan", "a", "b", arrives_within="7d"), seed=3)
