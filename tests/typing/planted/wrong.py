"""One mistake on every line that ends in `# wrong`; a checker must find each of them and no other."""

import farero as fa


class Customer(fa.Features):
    a: float = fa.number(mim=0)  # wrong
    b: float = fa.number(missing="alowed")  # wrong
    c: str = fa.choice("x", new="allowed")  # wrong
    d: str = fa.number()  # wrong
    e: str = fa.personal("hide")  # wrong
    f: float = fa.flag(min=1)  # wrong
    g: str = fa.choice(1, 2)  # wrong
    h: float = fa.number(min="0")  # wrong


class Model:
    def predict(self, X: object) -> list[float]:
        return []

    def predict_proba(self, X: object) -> list[float]:
        return []


class Silent:
    pass


def train(data: fa.TrainingSet) -> Model:
    data.x  # wrong
    return Model()


def train_without_data() -> Model:
    return Model()


def train_two(data: fa.TrainingSet, seed: int) -> Model:
    return Model()


def train_nothing(data: fa.TrainingSet) -> None:
    return None


def train_silent(data: fa.TrainingSet) -> Silent:
    return Silent()


def train_regressor(data: fa.TrainingSet) -> fa.Regressor:
    return Model()


def returns_silent(data: fa.TrainingSet) -> fa.Classifier:
    return Silent()  # wrong


yes = fa.Binary("cancelled", arrives_within="30d")
fa.Binary("cancelled")  # wrong
fa.Number("cnt")  # wrong
fa.Classes("plan", "a", "b")  # wrong
fa.Binary("cancelled", arrives_within="30d", positiv="Yes")  # wrong
fa.Binary("cancelled", arrives_within=30)  # wrong
fa.Performance("auc")  # wrong
fa.Performance("roc_auc", least=0.8)  # wrong
fa.Performance("roc_auc", by="contract")  # wrong
fa.Gate("rocauc")  # wrong
fa.Gate("roc_auc", gian=0.1)  # wrong
fa.Gate("roc_auc", also={"log_los": 0.01})  # wrong
fa.Gate("roc_auc", no_worse={"recall": 0.0, "recal": 0.0})  # wrong
fa.Gate("roc_auc", no_worse=["recall"])  # wrong
fa.Gate("roc_auc", by="contract")  # wrong
fa.Drift("guardet")  # wrong
fa.Drift("quiet", a_year="4 per year")  # wrong
fa.Quality(max_mising=0.1)  # wrong
fa.Policy(cool_down="7d")  # wrong
fa.Policy(gate="roc_auc")  # wrong
fa.Risk(high=0.7)  # wrong
fa.Project(model="m", features=Customer, train=train_without_data, label=yes)  # wrong
fa.Project(model="m", features=Customer, train=train_two, label=yes)  # wrong
fa.Project(model="m", features=Customer, train=train_nothing, label=yes)  # wrong
fa.Project(model="m", features=Customer, train=train_silent, label=yes)  # wrong
fa.Project(model="m", features=Customer, train=train_regressor, label=yes)  # wrong
fa.Project(model="m", features=Customer, train=train, label="cancelled")  # wrong
fa.Project(model="m", features=Customer, train=train)  # wrong
fa.Project(model="m", features=Customer, train=train, label=yes, moniters=[])  # wrong
fa.Project(model="m", features=Customer, train=train, label=yes, monitors=["drift"])  # wrong
fa.Project(model="m", features=dict, train=train, label=yes)  # wrong
