"""Churn: will this telephone customer leave? The company is fictional, the table is IBM's well-known sample."""

from sklearn.ensemble import HistGradientBoostingClassifier

import farero as fa


class Customer(fa.Features):
    gender: str = fa.choice("Female", "Male")
    SeniorCitizen: float = fa.number(min=0, max=1)
    Partner: str = fa.choice("No", "Yes")
    Dependents: str = fa.choice("No", "Yes")
    tenure: float = fa.number(unit="month", min=0)
    PhoneService: str = fa.choice("No", "Yes", public=True)  # whether there is one, not its number
    MultipleLines: str = fa.choice("No", "No phone service", "Yes")
    InternetService: str = fa.choice("DSL", "Fiber optic", "No")
    OnlineSecurity: str = fa.choice("No", "No internet service", "Yes")
    OnlineBackup: str = fa.choice("No", "No internet service", "Yes")
    DeviceProtection: str = fa.choice("No", "No internet service", "Yes")
    TechSupport: str = fa.choice("No", "No internet service", "Yes")
    StreamingTV: str = fa.choice("No", "No internet service", "Yes")
    StreamingMovies: str = fa.choice("No", "No internet service", "Yes")
    Contract: str = fa.choice("Month-to-month", "One year", "Two year")
    PaperlessBilling: str = fa.choice("No", "Yes")
    PaymentMethod: str = fa.choice("Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check")
    MonthlyCharges: float = fa.number(unit="US$", min=0)
    TotalCharges: float = fa.number(unit="US$", min=0, missing="allowed")  # blank for customers of their first month


def train(data: fa.TrainingSet) -> fa.Classifier:
    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.05, max_leaf_nodes=15, categorical_features="from_dtype", random_state=data.seed
    )
    fitted: fa.Classifier = model.fit(data.X, data.y)
    return fitted


project = fa.Project(
    model="churn",
    features=Customer,
    train=train,
    key="customerID",
    label=fa.Binary("Churn", positive="Yes", negative="No", arrives_within="30d"),
    monitors=[fa.Quality(max_missing=0.05), fa.Drift(), fa.Performance("roc_auc", min=0.80)],
    policy=fa.Policy(gate=fa.Gate("roc_auc", gain=0.005)),
)
