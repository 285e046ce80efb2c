-- Sweep: the one recovery path. Lanes whose lease ended and delayed lanes that are due become ready.
-- ARGV: limit, lease_max_ms, delay_max_ms, drains_max, drain_lanes, reservation, identity to set if none.
-- Result: {now_ms, leases ended, lanes due, ready lanes, awake drains, 1 if a drain is to be woken,
--          accepts, waiting, bytes, sweeps ever, identity}.
-- A time further ahead than it can be counts as now: a Redis clock that went back holds nothing up.
local now, limit = now_ms(), tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', AWAKE, '-inf', now)
redis.call('ZREMRANGEBYSCORE', AWAKE, '(' .. string.format('%d', now + tonumber(ARGV[2])), '+inf')

local function overdue(key, ahead_max_ms)
  local lanes = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)
  local beyond = '(' .. string.format('%d', now + ahead_max_ms)
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', key, beyond, '+inf', 'LIMIT', 0, limit)) do
    lanes[#lanes + 1] = lane
  end
  return lanes
end

local ended = overdue(HELD, tonumber(ARGV[2]))
for _, lane in ipairs(ended) do
  local info = info_key(lane)
  redis.call('ZREM', HELD, lane)
  local token = redis.call('HGET', HOLDERS, lane)
  local claimed = tonumber(redis.call('HGET', claim_key(token), lane))
  redis.call('HDEL', claim_key(token), lane)
  redis.call('HDEL', HOLDERS, lane)
  -- Whatever its holder died of may be in any of the commands it held.
  local suspect = math.max(claimed, tonumber(redis.call('HGET', info, 'suspect') or 0))
  redis.call('HSET', info, 'suspect', suspect, 'last', token)
  if not is_parked(lane) then redis.call('RPUSH', READY, lane) end
end
local due = overdue(DELAYED, tonumber(ARGV[3]))
for _, lane in ipairs(due) do
  redis.call('ZREM', DELAYED, lane)
  redis.call('HDEL', info_key(lane), 'reason')
  redis.call('RPUSH', READY, lane)
end
redis.call('SETNX', prefix .. ':identity', ARGV[7])
local counters = redis.call('HMGET', COUNTERS, 'accepts', 'waiting', 'bytes')
local sweeps = redis.call('HINCRBY', COUNTERS, 'sweeps', 1)
local wake = reserve_drain(now, tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6])
return {now, #ended, #due, redis.call('LLEN', READY), redis.call('ZCARD', AWAKE), wake,
  tonumber(counters[1] or 0), tonumber(counters[2] or 0), tonumber(counters[3] or 0),
  sweeps, redis.call('GET', prefix .. ':identity')}
