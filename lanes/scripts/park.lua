-- Park: a lane that an operator keeps from being worked on, until it is unparked. What it holds stays, what
-- is accepted joins it; a lane that is held is parked when it is given back.
-- ARGV: lane, reason.
-- Result: the state it was in: idle | ready | held | delayed | parked.
local lane = ARGV[1]
-- ZREM comes first: Redis allows it when it is full, and with it the writes that follow.
local was_delayed = redis.call('ZREM', DELAYED, lane) == 1
local was_parked = is_parked(lane)
redis.call('LREM', READY, 1, lane)
redis.call('HSET', PARKED, lane, string.format('%d:%s', now_ms(), ARGV[2]))
if was_parked then return 'parked' end
if was_delayed then return 'delayed' end
if redis.call('ZSCORE', HELD, lane) then return 'held' end
return redis.call('EXISTS', lane_key(lane)) == 1 and 'ready' or 'idle'
