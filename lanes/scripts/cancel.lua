-- Cancel: mark a command that still waits; the decision reads the mark. It removes nothing.
-- ARGV: id.
-- Result: 1 if it waits and is marked now, 0 if it is finished, unknown or marked already.
local marker = marker_key(ARGV[1])
local known = redis.call('HMGET', marker, 'lane', 'mark')
if not known[1] or known[2] then return 0 end
redis.call('HSET', marker, 'mark', 'cancel')
redis.call('HINCRBY', info_key(known[1]), 'marks', 1)
return 1
