"""Jobs that a child is given by the tests: each ends in another way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from farero.errors import TrainFailed

FOREVER_S = 1000.0


def leave_a_file(folder: Path) -> None:
    (folder / "result.txt").write_text("done")


def tell_where(folder: Path) -> None:
    (folder / "where.txt").write_text(f"{os.getpid()} {Path.cwd()} {os.environ.get('FARERO_TEST_VARIABLE')} {'__mp_main__' in sys.modules}")


def tell_main(folder: Path) -> None:
    (folder / "main.txt").write_text(str(getattr(sys.modules["__main__"], "__file__", "none")))


def print_lines(folder: Path) -> None:
    print("first")
    print("second", file=sys.stderr)
    print("third")


def print_a_lot(folder: Path) -> None:
    for number in range(200_000):
        print("line", number)


def print_a_secret(folder: Path) -> None:
    print("token is hunter22-and-more")
    print("url postgresql://ana:letmein@host/db", file=sys.stderr)
    print("no end of line, hunter22-and-more", end="")


def raise_a_secret(folder: Path) -> None:
    password = "hunter22-and-more"
    raise ValueError(f"cannot log in with {password}")


def print_a_secret_and_vanish(folder: Path) -> None:
    print("token is hunter22-and-more", flush=True)
    os._exit(3)


def print_bytes_that_are_no_text(folder: Path) -> None:
    sys.stdout.flush()
    os.write(1, b"\xff\xfe broken\n")


def close_the_output(folder: Path) -> None:
    print("before")
    sys.stdout.flush()
    os.close(1)
    os.close(2)
    (folder / "result.txt").write_text("done")


def fail(folder: Path) -> None:
    raise ValueError(f"no such column: {'tenure'}")


def fail_with_an_exception_of_its_own(folder: Path) -> None:
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("odd")

    raise Odd(1, 2)


def fail_with_a_cause(folder: Path) -> None:
    try:
        {}["tenure"]
    except KeyError as error:
        raise RuntimeError("could not prepare") from error


def refuse(folder: Path) -> None:
    raise TrainFailed("train returned a list.", hint="Return a fitted model.")


def fail_unspeakably(folder: Path) -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("even this fails")

    raise Unspeakable


def call_sys_exit(folder: Path) -> None:
    sys.exit(3)


def call_sys_exit_zero(folder: Path) -> None:
    sys.exit(0)


def vanish(folder: Path) -> None:
    print("about to vanish")
    sys.stdout.flush()
    os._exit(0)


def hang(folder: Path) -> None:
    print("working")
    time.sleep(FOREVER_S)


def hang_and_ignore_signals(folder: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(FOREVER_S)


def eat_memory(folder: Path) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(16 << 20))


def eat_memory_with_numpy(folder: Path) -> None:
    import numpy as np

    np.ones((1 << 40,), dtype=np.float64)


def kill_itself(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash(folder: Path) -> None:
    ctypes.string_at(0)


def leave_a_process_behind(folder: Path) -> None:
    (folder / "left.pid").write_text(str(subprocess.Popen(["sleep", str(FOREVER_S)]).pid))


def leave_a_daemon_behind(folder: Path) -> None:
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writer, str(os.getpid()).encode())
            time.sleep(FOREVER_S)
        os._exit(0)
    (folder / "left.pid").write_text(os.read(reader, 100).decode())


def fork_and_both_return(folder: Path) -> None:
    if os.fork() != 0:
        os.wait()
        (folder / "result.txt").write_text("done")


def fork_and_the_child_fails(folder: Path) -> None:
    if os.fork() == 0:
        raise ValueError("only the forked process failed")
    os.wait()
    (folder / "result.txt").write_text("done")


def leave_a_thread_behind(folder: Path) -> None:
    threading.Thread(target=time.sleep, args=(FOREVER_S,), daemon=False).start()
    (folder / "result.txt").write_text("done")


def announce_and_hang(folder: Path) -> None:
    print(os.getpid())
    time.sleep(FOREVER_S)


def fit_a_regressor(folder: Path) -> None:
    import cloudpickle
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    hours = np.arange(2400.0)
    rows = pd.DataFrame({"hour": hours % 24})
    model = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(rows, rows["hour"] * 10)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    print("fitted", len(rows), "rows")
