"""The core without I/O: no socket, no clock, no event loop. Every part can be tested by calling a function."""
