-- Claim: take a batch of lanes, and with each its lock, and read the commands at their heads.
-- ARGV: token, fence, holder, lease_ms, lanes_max, commands_max, bytes_max, lane_commands_max (so that a
--       deep lane leaves room for others).
-- Result: {now_ms, {lane, attempts, {entry...}, {id with a cancel mark...}}...}.
-- A repeated token gets the same lanes again. A suspect lane is claimed alone, one command, as an
-- attempt that is counted before the work, so that a crash counts. At least one command is returned
-- if any lane is ready, whatever its size. The holder's slot among the awake drains is prolonged.
local token, fence, holder = ARGV[1], ARGV[2], ARGV[3]
local lease_ms, lanes_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local commands_left, bytes_left = tonumber(ARGV[6]), tonumber(ARGV[7])
local lane_commands_max = tonumber(ARGV[8])
local claim = claim_key(token)

local function described(lane, entries)
  local info = redis.call('HMGET', info_key(lane), 'attempts', 'marks')
  local marked = {}
  if tonumber(info[2] or 0) > 0 then
    for _, entry in ipairs(entries) do
      local id = string.sub(entry, 1, ID_LENGTH)
      if redis.call('HGET', marker_key(id), 'mark') then marked[#marked + 1] = id end
    end
  end
  return {lane, tonumber(info[1] or 0), entries, marked}
end

local claimed = redis.call('SMEMBERS', claim)
if #claimed > 0 then
  local results = {now_ms()}
  for _, lane in ipairs(claimed) do
    local count = tonumber(redis.call('HGET', info_key(lane), 'claimed'))
    results[#results + 1] = described(lane, redis.call('LRANGE', lane_key(lane), 0, count - 1))
  end
  return results
end

-- LPOP comes first: Redis allows it when it is full, and with it the writes that follow.
local lane = redis.call('LPOP', READY)
local now = now_ms()
local results = {now}
while lane do
  local is_suspect = redis.call('HGET', info_key(lane), 'suspect')
  if is_suspect and #results > 1 then
    redis.call('LPUSH', READY, lane)
    break
  end
  local last = is_suspect and 0 or math.min(commands_left, lane_commands_max) - 1
  local entries = redis.call('LRANGE', lane_key(lane), 0, last)
  local count = 0
  for _, entry in ipairs(entries) do
    if bytes_left < #entry and (count > 0 or #results > 1) then break end
    bytes_left = bytes_left - #entry
    count = count + 1
  end
  if count == 0 then
    redis.call('LPUSH', READY, lane)
    break
  end
  for i = #entries, count + 1, -1 do entries[i] = nil end
  if is_suspect then redis.call('HINCRBY', info_key(lane), 'attempts', 1) end
  redis.call('ZADD', HELD, now + lease_ms, lane)
  redis.call('HSET', info_key(lane), 'token', token, 'fence', fence, 'holder', holder, 'claimed', count)
  redis.call('SADD', claim, lane)
  results[#results + 1] = described(lane, entries)
  commands_left = commands_left - count
  if is_suspect or #results > lanes_max or commands_left <= 0 or bytes_left <= 0 then break end
  lane = redis.call('LPOP', READY)
end
if redis.call('ZSCORE', AWAKE, holder) then redis.call('ZADD', AWAKE, now + lease_ms, holder) end
return results
