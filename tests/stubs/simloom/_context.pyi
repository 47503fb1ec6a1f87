from contextvars import ContextVar

from simloom import Host

current_host: ContextVar[Host | None]
