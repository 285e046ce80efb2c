-- Finish: remove processed commands, give the lanes back, publish the answers. Release is a finish
-- with a delay.
-- ARGV: token, marker_ttl_ms, then per lane: lane, delay_ms or -1, reason, suspect (how many commands are
--       to be taken alone from now on; -1: one less than before for each removed), uncount (1: this claim was
--       no attempt), n, and n times: id, answer.
-- Result: the lanes that were no longer ours.
-- Only this removes commands: the head goes while it is the next of the ids given. Where the token no
-- longer owns the lane nothing changes, and the answers are published all the same: the commit is the truth.
local token, marker_ttl_ms = ARGV[1], tonumber(ARGV[2])
local claim = claim_key(token)
local now = now_ms()
local answers, channels, lost = {}, {}, {}
local ours, emptied, ready = {}, {}, {}
local removed_total, removed_bytes = 0, 0
local has_parked = redis.call('EXISTS', PARKED) == 1

local function publish_later(reply, answer)
  for channel in string.gmatch(reply or '', '[^,]+') do
    if not answers[channel] then
      answers[channel] = {}
      channels[#channels + 1] = channel
    end
    table.insert(answers[channel], answer)
  end
end

-- Remove the head if it is this command; returns whether it was.
local function remove(lane, id, marker, mark)
  local entry = redis.call('LPOP', lane_key(lane))
  if not entry then return false end
  if string.sub(entry, 1, ID_LENGTH) ~= id then
    redis.call('LPUSH', lane_key(lane), entry)
    return false
  end
  removed_bytes = removed_bytes + #entry
  if mark then
    redis.call('HDEL', marker, 'mark')
    redis.call('HINCRBY', info_key(lane), 'marks', -1)
  end
  redis.call('HSET', marker, 'done', 1)
  redis.call('PEXPIRE', marker, marker_ttl_ms)
  return true
end

local function give_back(lane, delay_ms, reason, suspect, uncount, removed)
  local info = info_key(lane)
  ours[#ours + 1] = lane
  if redis.call('LLEN', lane_key(lane)) == 0 then
    emptied[#emptied + 1] = info
    return
  end
  local before = redis.call('HMGET', info, 'suspect', 'attempts')
  redis.call('HDEL', info, 'last')
  if removed > 0 then
    redis.call('HINCRBY', info, 'removed', removed)
    redis.call('HDEL', info, 'attempts')
  elseif uncount == 1 and tonumber(before[2] or 0) > 0 then
    redis.call('HINCRBY', info, 'attempts', -1)
  end
  if suspect < 0 then suspect = tonumber(before[1] or 0) - removed end
  if suspect > 0 then
    redis.call('HSET', info, 'suspect', suspect)
  else
    redis.call('HDEL', info, 'suspect')
  end
  if has_parked and is_parked(lane) then return end
  if delay_ms >= 0 then
    redis.call('ZADD', DELAYED, now + delay_ms, lane)
    redis.call('HSET', info, 'reason', reason)
  else
    ready[#ready + 1] = lane
  end
end

-- ZREM comes first: Redis allows it when it is full, and with it the writes that follow.
redis.call('ZREM', HELD, '')
local i = 3
while i <= #ARGV do
  local lane, delay_ms, reason = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local suspect, uncount, count = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  i = i + 6
  local is_owner = redis.call('HEXISTS', claim, lane) == 1
  local is_next, removed = is_owner, 0
  for k = i, i + 2 * count - 2, 2 do
    local marker = marker_key(ARGV[k])
    local known = redis.call('HMGET', marker, 'reply', 'mark')
    publish_later(known[1], ARGV[k + 1])
    is_next = is_next and remove(lane, ARGV[k], marker, known[2])
    if is_next then removed = removed + 1 end
  end
  i = i + 2 * count
  if is_owner then
    give_back(lane, delay_ms, reason, suspect, uncount, removed)
  else
    lost[#lost + 1] = lane
    if uncount == 1 and redis.call('HGET', info_key(lane), 'last') == token then
      redis.call('HDEL', info_key(lane), 'last')
      -- A copy of its claim that came late was not counted.
      if tonumber(redis.call('HGET', info_key(lane), 'attempts') or 0) > 0 then
        redis.call('HINCRBY', info_key(lane), 'attempts', -1)
      end
    end
  end
  removed_total = removed_total + removed
end
if #ours > 0 then
  redis.call('ZREM', HELD, unpack(ours))
  redis.call('HDEL', HOLDERS, unpack(ours))
  redis.call('HDEL', claim, unpack(ours))
end
if #emptied > 0 then redis.call('DEL', unpack(emptied)) end
if #ready > 0 then redis.call('RPUSH', READY, unpack(ready)) end
if removed_total > 0 then
  redis.call('HINCRBY', COUNTERS, 'waiting', -removed_total)
  redis.call('HINCRBY', COUNTERS, 'bytes', -removed_bytes)
end
for _, channel in ipairs(channels) do
  redis.call('PUBLISH', channel, table.concat(answers[channel], '\n'))
end
return lost
