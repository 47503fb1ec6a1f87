"""Deterministic simulation: clients, the API and the network between them run in a world that is a function of a seed.

Time, the schedule of tasks, the network and all chance are simulated (simloom), so that a run of hours takes a fraction
of a second, and a failure can be replayed exactly. docs/reliability.md says what is promised and what is not simulated.

- `world.py` starts the hosts of `population.py` and runs one universe;
- `edge.py` is the intermediary through which every request goes: it injects faults and records what arrived;
- `token_endpoint.py` issues tokens, and is erratic by itself;
- `weather.py` changes the network and the API over time;
- `services.py` does so to the token endpoint, Redis and the clocks (`redis.py`, `clocks.py`, `token_files.py`);
- `crashes.py` has the servers die and start again, each on a host of `servers.py`;
- `seams.py` replaces what simloom cannot reach;
- `process.py` is a process that may die, and `calls.py` one that sees calls through and records how they ended;
- `shop.py` places orders as a web application would, `checkout_page.py` authenticates with 3D Secure and pays, with the
  cardholders of `cardholder.py`, and `worker.py` runs a batch on the disk of `disk.py`;
- `cancellation.py` ends calls early, in each way in which a program can;
- `oracles.py`, `oracles_services.py`, `batch_oracles.py` and `threeds_oracles.py` compare what was answered with what
  the API did;
- `scale/` has a world of its own, in which a thousand clients share rates and a token;
- `defects/` plants known mistakes, each of which the oracles must find; `checks.py` names the single checks.
"""
