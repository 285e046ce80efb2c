-- Accept: put commands into their lanes, in the order given.
-- ARGV: not_after_ms (Redis clock), waiting_max, lane_depth_max, drains_max, drain_lanes, reservation,
--       then per command: id, lane, caller, fingerprint, label, entry, reply channel or '',
--       rate bucket or '', emission interval (µs), burst (µs).
-- Result: {now_ms, 1 if a drain is to be woken, state per command...} with the states
--       accepted | known (it waits already) | finished (whatever its fingerprint: the record has that) |
--       other (it waits with another fingerprint) | lane-full | full | late | limited:<µs to wait>.
-- Safe to repeat: a known id adds its reply channel and nothing else.
local WIDTH = 10
local time_us = now_us()
local now = math.floor(time_us / 1000)
local waiting_max, depth_max = tonumber(ARGV[2]), tonumber(ARGV[3])
local results = {now, 0}
local is_late = now > tonumber(ARGV[1])
local waiting = tonumber(redis.call('HGET', COUNTERS, 'waiting') or 0)
local was_empty = redis.call('LLEN', READY) == 0
local has_parked = redis.call('EXISTS', PARKED) == 1
local buckets = {}
local added, added_bytes = 0, 0
local became_ready = {}
local ids = {}
for i = 7, #ARGV, WIDTH do ids[#ids + 1] = ARGV[i] end
local finished_now = redis.call('SMISMEMBER', finished_key(now, 0), unpack(ids))
local finished_before = redis.call('SMISMEMBER', finished_key(now, 1), unpack(ids))

-- GCRA (ITU-T I.371): one timestamp a bucket. Returns 0, or the µs until there is room.
local function take(name, interval, burst)
  local bucket = buckets[name]
  if not bucket then
    bucket = {empty_at = tonumber(redis.call('GET', prefix .. ':rate:' .. name) or 0)}
    buckets[name] = bucket
  end
  local empty_at = math.max(bucket.empty_at, time_us)
  if empty_at + interval - time_us > burst then return empty_at + interval - time_us - burst end
  bucket.empty_at = empty_at + interval
  bucket.is_changed = true
  return 0
end

local function add_reply(marker, reply)
  if reply == '' then return end
  local known = redis.call('HGET', marker, 'reply') or ''
  if not string.find(',' .. known .. ',', ',' .. reply .. ',', 1, true) then
    redis.call('HSET', marker, 'reply', known == '' and reply or known .. ',' .. reply)
  end
end

local function accept(n)
  local i = 7 + (n - 1) * WIDTH
  local id, lane, entry, reply, bucket = ARGV[i], ARGV[i + 1], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  local marker = marker_key(id)
  local known = redis.call('HGET', marker, 'print')
  if known then
    if known ~= ARGV[i + 3] then return 'other' end
    add_reply(marker, reply)
    return 'known'
  end
  if finished_now[n] + finished_before[n] > 0 then return 'finished' end
  if is_late then return 'late' end
  if waiting + added >= waiting_max then return 'full' end
  local depth = redis.call('RPUSH', lane_key(lane), entry) - 1
  local refusal = depth >= depth_max and 'lane-full'
  if not refusal and bucket ~= '' then
    local wait_us = take(bucket, tonumber(ARGV[i + 8]), tonumber(ARGV[i + 9]))
    if wait_us > 0 then refusal = string.format('limited:%d', wait_us) end
  end
  if refusal then
    redis.call('RPOP', lane_key(lane))
    return refusal
  end
  local nth = depth
  if depth > 0 then
    nth = depth + tonumber(redis.call('HGET', info_key(lane), 'removed') or 0)
  elseif not (has_parked and is_parked(lane)) then
    became_ready[#became_ready + 1] = lane
  end
  redis.call('HSET', marker, 'lane', lane, 'caller', ARGV[i + 2], 'print', ARGV[i + 3],
    'label', ARGV[i + 4], 'at', now, 'nth', nth, 'reply', reply)
  added = added + 1
  added_bytes = added_bytes + #entry
  return 'accepted'
end

for n = 1, #ids do results[#results + 1] = accept(n) end
if added > 0 then
  if #became_ready > 0 then redis.call('RPUSH', READY, unpack(became_ready)) end
  redis.call('HINCRBY', COUNTERS, 'accepts', added)
  redis.call('HINCRBY', COUNTERS, 'waiting', added)
  redis.call('HINCRBY', COUNTERS, 'bytes', added_bytes)
  for name, bucket in pairs(buckets) do
    if bucket.is_changed then
      local left_ms = math.ceil((bucket.empty_at - time_us) / 1000)
      redis.call('SET', prefix .. ':rate:' .. name, string.format('%d', bucket.empty_at), 'PX', left_ms)
    end
  end
  results[2] = reserve_drain(now, tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6])
  if was_empty and results[2] == 0 then redis.call('PUBLISH', BELL, '') end
end
return results
