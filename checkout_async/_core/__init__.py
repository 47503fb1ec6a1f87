"""The core of the client, without I/O: no socket, no clock, no event loop. Tests call its functions directly."""
