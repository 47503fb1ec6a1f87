"""A small web shop that authenticates cards with 3-D Secure: `make shop` runs it together with the simulator.

`flow` is the shop without a web framework, `pages` is its HTML, `static` contains its style sheet and scripts. `shop`
serves it with aiohttp, `starlette_shop` with Starlette. `demo` starts one of them together with the simulator.
"""
