"""The parts of `costs.py` and `capacity.py`: what things cost, and processes that are simulated with these costs."""
