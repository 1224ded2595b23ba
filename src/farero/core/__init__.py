"""The part that decides: values and pure functions. No clock, disk, network, threads or randomness."""
