-- Prepended to every script. KEYS[1] is the prefix of the shard's keys, with its hash tag.
local prefix = KEYS[1]
local READY, HELD, DELAYED = prefix .. ':ready', prefix .. ':held', prefix .. ':delayed'
local HOLDERS, PARKED = prefix .. ':holders', prefix .. ':parked'
local AWAKE, COUNTERS, BELL = prefix .. ':awake', prefix .. ':counters', prefix .. ':bell'
local ID_LENGTH = 36
local FINISHED_MS = 30000
local STACK = 4000

local function lane_key(lane) return prefix .. ':lane:' .. lane end
local function info_key(lane) return prefix .. ':info:' .. lane end
local function claim_key(token) return prefix .. ':claim:' .. token end
local function marker_key(id) return prefix .. ':cmd:' .. id end

-- The ids finished in the half minute that `now` falls into, or in one before it.
local function finished_key(now, before)
  return prefix .. ':finished:' .. math.floor(now / FINISHED_MS) - before
end

-- Call with all of a long list, as much at a time as the stack holds.
local function call_with(members, ...)
  for i = 1, #members, STACK do
    local command = {...}
    for k = i, math.min(i + STACK - 1, #members) do command[#command + 1] = members[k] end
    redis.call(unpack(command))
  end
end

local function is_parked(lane)
  return redis.call('HEXISTS', PARKED, lane) == 1
end

local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

-- Should a drain be woken? Only when none is awake, or the backlog is deeper than the awake ones take
-- in one batch. The slot is reserved for a second under the given name, so that one asks at a time.
local function reserve_drain(now, drains_max, drain_lanes, name)
  local ready = redis.call('LLEN', READY)
  if ready == 0 then return 0 end
  redis.call('ZREMRANGEBYSCORE', AWAKE, '-inf', now)
  local awake = redis.call('ZCARD', AWAKE)
  if awake == 0 or (awake < drains_max and ready > awake * drain_lanes) then
    redis.call('ZADD', AWAKE, now + 1000, 'r:' .. name)
    return 1
  end
  return 0
end
