"""Energy: what share of a country's energy is renewable, from its year, people, wealth and consumption?"""

from sklearn.ensemble import HistGradientBoostingRegressor

import farero as fa


class CountryYear(fa.Features):
    year: float = fa.number(unit="year", min=1900)
    population: float = fa.number(unit="person", min=0, missing="allowed")
    gdp: float = fa.number(unit="international-$ of 2011", min=0, missing="allowed")
    primary_energy_consumption: float = fa.number(unit="TWh", min=0, missing="allowed")


def train(data: fa.TrainingSet) -> fa.Regressor:
    model = HistGradientBoostingRegressor(max_iter=100, min_samples_leaf=10, random_state=data.seed)
    fitted: fa.Regressor = model.fit(data.X, data.y)
    return fitted


project = fa.Project(
    model="energy",
    features=CountryYear,
    train=train,
    key="iso_code",
    label=fa.Number("renewables_share_energy", unit="%", arrives_within="365d"),
    monitors=[fa.Quality(), fa.Drift(), fa.Performance("mae", max=8.0)],
    policy=fa.Policy(gate=fa.Gate("mae"), window="365d", cooldown="365d"),
)
