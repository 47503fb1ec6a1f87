"""What Redis executes for RedisRateLimiter: a script that gives out slots, evenly spaced by the clock of Redis.

A slot is a time at which one request may be sent. Each process asks once for each request, and Redis executes a script
of a few commands, however many processes there are. All times are in microseconds, as whole numbers, so that adding
many intervals rounds nothing.

- A process gets the next slot if it is soon. So few slots are given out and not yet used at any time: no more can be
  lost with a process that dies, or given out twice by a Redis that lost its data.
- Else it gets a place in the line, which is the time to ask again: shortly before its slot, in order of arrival.
- A slot that nobody took is not lost at once: the twentieth of a second before now can still be given out. Processes
  that ask some milliseconds late do not lower the rate. In any t seconds there are rate * t + max(1, rate / 20) slots.
- The distance of two slots is the shortest interval that a process has stated in the last minute. So processes with
  different rates together keep the highest, and one with a low rate, which its own client keeps, holds up no other.
- A place is not a slot. If those in line do not come, the next slots are given to newcomers. When a slot is lost
  that nobody took, the line begins anew.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["AHEAD", "BURST", "TAKE_A_SLOT", "interval"]

BURST: Final = 50_000
"""Microseconds whose slots can be given out at once, if nobody took them; always one slot."""

AHEAD: Final = 250_000
"""Microseconds before its slot at which a process in line asks again."""

TAKE_A_SLOT: Final = """
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local interval, ahead, has_place = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local stored = redis.call('hmget', KEYS[1], 'last', 'line', 'step', 'stated')
-- The last slot that was given out, and the one of the next place in the line.
local last, line = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
-- The distance of two slots, and when it was last stated: the shortest interval of the last minute.
local step, stated = tonumber(stored[3] or interval), tonumber(stored[4] or now)
local before = step
if interval <= step or math.abs(now - stated) > 60000000 then
    step, stated = interval, now
end
local slot = last + step
local earliest = now - math.max(0, tonumber(ARGV[4]) - step)
-- Slots are given out for the next second only. One that is later comes from a clock that was set back since, and so
-- does the line. If nobody came for a slot, those in line are gone.
if last - now > 4 * ahead then
    slot, line = now, now
elseif slot < earliest then
    slot, line = earliest, earliest
end
-- Those in line keep their order if the distance of slots has changed.
line = slot + math.max(line - slot, 0) * step / before
-- Nobody waits for longer than a minute without asking again.
line = math.max(math.min(line, now + 60000000), slot)
local given, wait
if has_place then
    given = slot - now <= 4 * ahead
else
    given = line - now <= ahead or slot - now <= ahead / 4
end
if given then
    wait = math.max(slot - now, 0)
    slot = slot + step
    line = math.max(line, slot)
else
    wait = math.max(line - now - ahead, ahead / 10)
    line = line + step
end
local function whole(number)
    return string.format('%.0f', number)
end
local times = {'last', whole(slot - step), 'line', whole(line), 'step', whole(step), 'stated', whole(stated)}
redis.call('hset', KEYS[1], unpack(times))
redis.call('pexpire', KEYS[1], whole((line - now) / 1000 + 60000))
return {given and 1 or 0, math.ceil(wait)}
"""
"""Takes a key, the interval, AHEAD, whether the process comes from the line (1, else 0), and BURST.

Returns whether it got a slot (1, else 0), and the microseconds until then, or after which to ask again.
"""


def interval(rate: float) -> int:
    """Return the microseconds between two requests at a rate, rounded up: never more requests than the rate."""
    return max(1, math.ceil(1e6 / rate))
