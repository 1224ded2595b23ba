"""Whatever is tried in whatever order: no version takes an illegal path, at most one is in production, and the history tells it all."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.store.values import T0, version

from farero.core.version import LEGAL_MOVES, State, is_legal
from farero.errors import Conflict, IllegalMove, StaleDecision, VersionNotFound
from farero.store import versions
from farero.store.database import Store

STATES = st.sampled_from(sorted(LEGAL_MOVES))
NUMBERS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])
MODELS = st.sampled_from(["churn", "risk"])


class VersionLife(RuleBasedStateMachine):
    """A model of the states beside the store that must agree with it."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store.memory()
        self.states: dict[tuple[str, str], State] = {}
        self.hands: dict[str, int] = {}
        self.gone: set[tuple[str, str]] = set()

    @rule(model=MODELS, number=NUMBERS)
    def add(self, model: str, number: str) -> None:
        try:
            with self.store.write() as conn:
                versions.add(conn, version(number, model=model))
        except Conflict:
            assert (model, number) in self.gone
        else:
            assert (model, number) not in self.gone
            self.states.setdefault((model, number), "candidate")

    @rule(model=MODELS, number=NUMBERS, source=STATES, to=STATES)
    def move(self, model: str, number: str, source: State, to: State) -> None:
        before = self.states.get((model, number))
        try:
            with self.store.write() as conn:
                versions.move(conn, model, number, source=source, target=to, at=T0, by="ana", because="tried")
        except IllegalMove:
            assert not is_legal(source, to)
        except VersionNotFound:
            assert before is None
        except StaleDecision:
            assert before != source
        else:
            assert before == source
            assert is_legal(source, to)
            if "production" in (source, to):
                self.hands[model] = self.hands.get(model, 0) + 1
            if to == "production":
                for (other, number_there), state in list(self.states.items()):
                    if other == model and state == "production":
                        self.states[other, number_there] = "archived"
            self.states[model, number] = to

    @rule(model=MODELS, number=NUMBERS)
    def delete(self, model: str, number: str) -> None:
        try:
            with self.store.write() as conn:
                versions.delete(conn, model, number, at=T0, by="ana", because="tried")
        except IllegalMove:
            assert self.states[model, number] == "production"
        except VersionNotFound:
            assert (model, number) not in self.states
        else:
            self.gone.add((model, number))
            del self.states[model, number]

    @invariant()
    def the_store_agrees_and_one_at_most_is_in_production(self) -> None:
        with self.store.read() as conn:
            for model in ("churn", "risk"):
                known = {(model, found.number): found.state for found in versions.all(conn, model)}
                assert known == {place: state for place, state in self.states.items() if place[0] == model}
                serving = [number for (_, number), state in known.items() if state == "production"]
                assert len(serving) <= 1
                stamp = versions.production_stamp(conn).get(model)
                assert stamp == ((serving[0], self.hands[model]) if serving else None)

    @invariant()
    def the_history_is_an_unbroken_legal_path_to_where_each_version_is(self) -> None:
        with self.store.read() as conn:
            for (model, number), state in self.states.items():
                path = versions.moves(conn, model, number)
                assert path[0].source is None
                assert path[-1].target == state
                for earlier, later in pairwise(path):
                    assert later.source == earlier.target
                    assert is_legal(earlier.target, later.target)

    def teardown(self) -> None:
        self.store.close()


TestVersionLife = VersionLife.TestCase
TestVersionLife.settings = settings(stateful_step_count=30)
