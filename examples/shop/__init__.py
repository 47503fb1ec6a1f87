"""A small web shop that authenticates cards with 3-D Secure: `make shop` runs it together with the simulator.

`flow` is the shop without any web framework, `pages` its HTML, `static` its style and scripts. `shop` puts it behind
aiohttp's server, `starlette_shop` behind Starlette; `demo` starts one of them and the simulator.
"""
