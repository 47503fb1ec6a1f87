"""The simulator over HTTP: routes, faults, control endpoints, and the server."""
