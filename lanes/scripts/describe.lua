-- Describe: lanes as an operator sees them, and the shard's counters. It changes nothing.
-- ARGV: how many lanes of each state at the most, then lanes to describe by name.
-- Result: {now_ms, ready, held, delayed, parked lanes, awake drains, accepts, waiting, bytes,
--         {lane, state (idle | ready | held | delayed | parked), depth, id at its head, when that was accepted,
--          holder, deadline_ms, due_ms, parked_ms, reason, attempts, suspect}...}.
-- Named lanes come first, then those of each state that have waited longest.
local limit = tonumber(ARGV[1])
local counters = redis.call('HMGET', COUNTERS, 'accepts', 'waiting', 'bytes')
local now = now_ms()
local result = {now, redis.call('LLEN', READY), redis.call('ZCARD', HELD), redis.call('ZCARD', DELAYED),
  redis.call('HLEN', PARKED), redis.call('ZCOUNT', AWAKE, now, '+inf'), tonumber(counters[1] or 0),
  tonumber(counters[2] or 0), tonumber(counters[3] or 0)}

local function describe(lane)
  local depth = redis.call('LLEN', lane_key(lane))
  local head = string.sub(redis.call('LINDEX', lane_key(lane), 0) or '', 1, ID_LENGTH)
  local at = head ~= '' and redis.call('HGET', marker_key(head), 'at')
  local info = redis.call('HMGET', info_key(lane), 'reason', 'attempts', 'suspect')
  local deadline, due = redis.call('ZSCORE', HELD, lane), redis.call('ZSCORE', DELAYED, lane)
  local since, why = string.match(redis.call('HGET', PARKED, lane) or '', '^(%d+):(.*)$')
  local state = deadline and 'held' or since and 'parked' or due and 'delayed' or depth > 0 and 'ready' or 'idle'
  result[#result + 1] = {lane, state, depth, head, tonumber(at or 0),
    redis.call('HGET', HOLDERS, lane) or '', tonumber(deadline or 0), tonumber(due or 0),
    tonumber(since or 0), why or info[1] or '', tonumber(info[2] or 0), tonumber(info[3] or 0)}
end

for i = 2, #ARGV do describe(ARGV[i]) end
if limit == 0 then return result end
for _, lane in ipairs(redis.call('ZRANGE', HELD, 0, limit - 1)) do describe(lane) end
for _, lane in ipairs(redis.call('LRANGE', READY, 0, limit - 1)) do describe(lane) end
for _, lane in ipairs(redis.call('ZRANGE', DELAYED, 0, limit - 1)) do describe(lane) end
local parked = redis.call('HSCAN', PARKED, 0, 'COUNT', limit)[2]
for i = 1, math.min(#parked, 2 * limit), 2 do
  if not redis.call('ZSCORE', HELD, parked[i]) then describe(parked[i]) end
end
return result
