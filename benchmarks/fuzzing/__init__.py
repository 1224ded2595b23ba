"""Parts of benchmarks/fuzz.py: a service to attack, what it is sent, and what must hold of its answers."""
