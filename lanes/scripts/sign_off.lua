-- Sign off: a drain gives its slot back, unless work has come meanwhile.
-- ARGV: drain, 1 to sign off in any case.
-- Result: ready lanes; the drain is signed off if that is 0 or it insisted.
local ready = redis.call('LLEN', READY)
if ready == 0 or ARGV[2] == '1' then redis.call('ZREM', AWAKE, ARGV[1]) end
return ready
