"""Bikes: how many bicycles will be rented in this hour?"""

from sklearn.ensemble import HistGradientBoostingRegressor

import farero as fa


class Hour(fa.Features):
    season: float = fa.number(min=1, max=4)
    mnth: float = fa.number(unit="month", min=1, max=12)
    hr: float = fa.number(unit="hour", min=0, max=23)
    holiday: float = fa.number(min=0, max=1)
    weekday: float = fa.number(min=0, max=6)
    workingday: float = fa.number(min=0, max=1)
    weathersit: float = fa.number(min=1, max=4)
    temp: float = fa.number(unit="41 °C", min=0, max=1)
    atemp: float = fa.number(unit="50 °C", min=0, max=1)
    hum: float = fa.number(min=0, max=1)
    windspeed: float = fa.number(unit="67 km/h", min=0, max=1)


def train(data: fa.TrainingSet) -> fa.Regressor:
    model: fa.Regressor = HistGradientBoostingRegressor(max_iter=60, learning_rate=0.15, random_state=data.seed).fit(data.X, data.y)
    return model


project = fa.Project(
    model="bikes",
    features=Hour,
    train=train,
    label=fa.Number("cnt", unit="rentals/hour", arrives_within="1h"),
    monitors=[fa.Quality(max_missing=0.05), fa.Drift(), fa.Performance("mae", max=100.0)],
    policy=fa.Policy(gate=fa.Gate("mae"), window="1w", cooldown="2w"),
)
