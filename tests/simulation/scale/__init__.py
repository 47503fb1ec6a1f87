"""Scale: up to a thousand workers share an account's rates and its token through Redis, in virtual time.

The client, its limits, its token cache, `RedisRateLimiter`, `RedisTokenStore` and redis-py are the real ones. What
they talk to is a model: the API and the token endpoint (`api.py`), Redis, which executes the real scripts and takes
time for each command (`database.py`), and the network (`loop.py`). `scenario.py` runs one scenario, `scenarios.py`
lists those of docs/scale.md, `measures.py` counts, and `chart.py` draws. `python -m tests.simulation.scale` runs them.
"""
