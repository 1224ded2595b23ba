from __future__ import annotations

from farero.store import detectors
from farero.store.database import Store
from farero.store.detectors import StoredDetector


def test_a_detector_belongs_to_one_version_and_name(store: Store) -> None:
    with store.write() as conn:
        detectors.put(conn, "churn", "1.0.0", "inputs", StoredDetector(baseline=b"usual", watch=b"\x00seen"))
        assert detectors.get(conn, "churn", "1.0.0", "inputs") == StoredDetector(baseline=b"usual", watch=b"\x00seen")
        assert detectors.watch(conn, "churn", "1.0.0", "inputs") == b"\x00seen"
        for model, version, name in (("risk", "1.0.0", "inputs"), ("churn", "1.1.0", "inputs"), ("churn", "1.0.0", "loss")):
            assert detectors.get(conn, model, version, name) is None
            assert detectors.watch(conn, model, version, name) is None


def test_what_it_knows_changes_and_its_baseline_stays(store: Store) -> None:
    with store.write() as conn:
        detectors.put(conn, "churn", "1.0.0", "inputs", StoredDetector(baseline=b"usual", watch=b"before"))
        detectors.put_watch(conn, "churn", "1.0.0", "inputs", b"after")
        assert detectors.get(conn, "churn", "1.0.0", "inputs") == StoredDetector(baseline=b"usual", watch=b"after")
        detectors.put(conn, "churn", "1.0.0", "inputs", StoredDetector(baseline=b"new", watch=b"anew"))
        assert detectors.get(conn, "churn", "1.0.0", "inputs") == StoredDetector(baseline=b"new", watch=b"anew")
