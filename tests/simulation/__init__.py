"""Deterministic simulation: clients, the API and the network between them run in a world that is a function of a seed.

Time, the schedule of tasks, the network and all chance are simulated (simloom), so that a run of hours takes a fraction
of a second, and a failure can be replayed exactly. docs/reliability.md says what is promised and what is not simulated.

- `world.py` starts the hosts and runs one universe;
- `edge.py` is the intermediary through which every request goes: it injects faults and records what arrived;
- `weather.py` changes the network and the API over time;
- `shop.py` places orders as a web application would, and records what it was answered;
- `oracles.py` compares what was answered with what the API did;
- `defects/` plants known mistakes, each of which the oracles must find; `checks.py` names the single checks.
"""
