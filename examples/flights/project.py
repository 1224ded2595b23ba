"""Flights: will this flight from New York arrive more than 15 minutes late? Only what is known before departure is used."""

from sklearn.ensemble import HistGradientBoostingClassifier

import farero as fa

CARRIERS = "9E AA AS B6 DL EV F9 FL HA MQ OO UA US VX WN YV".split()
AIRPORTS = (
    "ABQ ACK ALB ANC ATL AUS AVL BDL BGR BHM BNA BOS BQN BTV BUF BUR BWI BZN CAE CAK CHO CHS CLE CLT CMH CRW CVG DAY DCA DEN "
    "DFW DSM DTW EGE EYW FLL GRR GSO GSP HDN HNL HOU IAD IAH ILM IND JAC JAX LAS LAX LEX LGA LGB MCI MCO MDW MEM MHT MIA MKE "
    "MSN MSP MSY MTJ MVY MYR OAK OKC OMA ORD ORF PBI PDX PHL PHX PIT PSE PSP PVD PWM RDU RIC ROC RSW SAN SAT SAV SBN SDF SEA "
    "SFO SJC SJU SLC SMF SNA SRQ STL STT SYR TPA TUL TVC TYS XNA"
).split()


class Flight(fa.Features):
    carrier: str = fa.choice(*CARRIERS, new="allow")
    origin: str = fa.choice("EWR", "JFK", "LGA")
    dest: str = fa.choice(*AIRPORTS, new="allow")
    distance: float = fa.number(unit="mile", min=0)
    sched_dep_time: float = fa.number(unit="HHMM", min=0, max=2359)
    sched_arr_time: float = fa.number(unit="HHMM", min=0, max=2359)
    dow: float = fa.number(min=1, max=7)


def train(data: fa.TrainingSet) -> fa.Classifier:
    model = HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=100, categorical_features="from_dtype", random_state=data.seed)
    fitted: fa.Classifier = model.fit(data.X, data.y)
    return fitted


project = fa.Project(
    model="flights",
    features=Flight,
    train=train,
    label=fa.Binary("late", arrives_within="1d"),
    monitors=[fa.Quality(max_missing=0.05), fa.Drift(), fa.Performance("log_loss")],
    policy=fa.Policy(gate=fa.Gate("log_loss"), window="1w", cooldown="2w"),
)
