"""The parts of `benchmarks/serving.py`: models, contenders, load, processes, report."""
