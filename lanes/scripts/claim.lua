-- Claim: take a batch of lanes, and with each its lock, and read the commands at their heads.
-- ARGV: token, holder, lease_ms, lanes_max, commands_max, bytes_max, lane_commands_max (so that a deep
--       lane leaves room for others; it gets more only where they have left some).
-- Result: {now_ms, {lane, attempts, {entry...}, {id with a cancel mark...}}...}.
-- A repeated token gets the same lanes again. A suspect lane is claimed alone, one command, as an
-- attempt that is counted before the work, so that a crash counts. At least one command is returned
-- if any lane is ready, whatever its size. The holder's slot among the awake drains is
-- prolonged to a lease when less than half of one is left.
local token, holder = ARGV[1], ARGV[2]
local lease_ms, lanes_max = tonumber(ARGV[3]), tonumber(ARGV[4])
local commands_left, bytes_left = tonumber(ARGV[5]), tonumber(ARGV[6])
local lane_commands_max = tonumber(ARGV[7])
local claim = claim_key(token)

local function described(lane, entries, attempts, marks)
  local marked = {}
  if tonumber(marks or 0) > 0 then
    for _, entry in ipairs(entries) do
      local id = string.sub(entry, 1, ID_LENGTH)
      if redis.call('HGET', marker_key(id), 'mark') then marked[#marked + 1] = id end
    end
  end
  return {lane, tonumber(attempts or 0), entries, marked}
end

local claimed = redis.call('HGETALL', claim)
if #claimed > 0 then
  local results = {now_ms()}
  for i = 1, #claimed, 2 do
    local info = redis.call('HMGET', info_key(claimed[i]), 'attempts', 'marks')
    local entries = redis.call('LRANGE', lane_key(claimed[i]), 0, tonumber(claimed[i + 1]) - 1)
    results[#results + 1] = described(claimed[i], entries, info[1], info[2])
  end
  return results
end

-- LPOP comes first: Redis allows it when it is full, and with it the writes that follow.
local ready = redis.call('LPOP', READY, lanes_max) or {}
local now = now_ms()
local taken = {}

-- Add commands from a lane's n-th on to those taken of it, at most so many and as far as bytes allow.
local function fill(lane, nth, count_max)
  for _, entry in ipairs(redis.call('LRANGE', lane_key(lane.name), nth, nth + count_max - 1)) do
    if bytes_left < #entry and (#lane.entries > 0 or #taken > 0) then break end
    bytes_left = bytes_left - #entry
    commands_left = commands_left - 1
    lane.entries[#lane.entries + 1] = entry
  end
end

-- Take the commands at the head of a lane; false if it must wait for a claim of its own.
local function take(name)
  local info = redis.call('HMGET', info_key(name), 'suspect', 'attempts', 'marks')
  local lane = {name = name, is_suspect = info[1], attempts = info[2], marks = info[3], entries = {}}
  if lane.is_suspect and #taken > 0 then return false end
  fill(lane, 0, lane.is_suspect and 1 or math.min(commands_left, lane_commands_max))
  if #lane.entries == 0 then return false end
  if lane.is_suspect then
    lane.attempts = redis.call('HINCRBY', info_key(name), 'attempts', 1)
    commands_left = 0
  end
  taken[#taken + 1] = lane
  return true
end

for _, name in ipairs(ready) do
  if commands_left <= 0 or bytes_left <= 0 or not take(name) then break end
end
for i = #ready, #taken + 1, -1 do redis.call('LPUSH', READY, ready[i]) end
-- Where all had their turn there may be room for more of the deep ones.
for _, lane in ipairs(taken) do
  if commands_left <= 0 or bytes_left <= 0 then break end
  if #lane.entries == lane_commands_max then fill(lane, #lane.entries, commands_left) end
end
local results = {now}
local held, holders, counts = {}, {}, {}
for _, lane in ipairs(taken) do
  held[#held + 1], held[#held + 2] = now + lease_ms, lane.name
  holders[#holders + 1], holders[#holders + 2] = lane.name, token
  counts[#counts + 1], counts[#counts + 2] = lane.name, #lane.entries
  results[#results + 1] = described(lane.name, lane.entries, lane.attempts, lane.marks)
end
if #taken > 0 then
  redis.call('ZADD', HELD, unpack(held))
  redis.call('HSET', HOLDERS, unpack(holders))
  redis.call('HSET', claim, unpack(counts))
end
-- Not each time: a claim that finds nothing then writes nothing, and nobody waits for the disk.
local slot_ends = tonumber(redis.call('ZSCORE', AWAKE, holder) or math.huge)
if slot_ends < now + lease_ms / 2 then redis.call('ZADD', AWAKE, now + lease_ms, holder) end
return results
