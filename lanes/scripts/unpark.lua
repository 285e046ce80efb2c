-- Unpark: a parked lane is worked on again, behind those that are ready.
-- ARGV: lane.
-- Result: 1 if it was parked.
local lane = ARGV[1]
if redis.call('HDEL', PARKED, lane) == 0 then return 0 end
if redis.call('EXISTS', lane_key(lane)) == 1 and not redis.call('ZSCORE', HELD, lane) then
  redis.call('RPUSH', READY, lane)
  redis.call('PUBLISH', BELL, '')
end
return 1
