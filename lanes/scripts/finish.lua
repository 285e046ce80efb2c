-- Finish: remove processed commands, give the lanes back, publish the answers. Release is a finish
-- with a delay.
-- ARGV: token, then per lane: lane, delay_ms or -1, reason, suspect (how many commands are
--       to be taken alone from now on; -1: one less than before for each removed), uncount (1: this claim was
--       no attempt), n, and n times: id, answer.
-- Result: the lanes that were no longer ours.
-- Only this removes commands: the head goes while it is the next of the ids given. Where the token no
-- longer owns the lane nothing changes, and the answers are published all the same: the commit is the truth.
local token = ARGV[1]
local claim = claim_key(token)
local now = now_ms()
local answers, channels, lost = {}, {}, {}
local ours, ready, finished, gone = {}, {}, {}, {}
local removed_bytes = 0
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

-- How many commands at the head of the lane are the next of these ids, and whether more wait behind them.
local function count_heads(lane, ids)
  local entries = redis.call('LRANGE', lane_key(lane), 0, #ids)
  local count = 0
  while count < #ids and entries[count + 1] and string.sub(entries[count + 1], 1, ID_LENGTH) == ids[count + 1] do
    count = count + 1
    removed_bytes = removed_bytes + #entries[count]
  end
  return count, #entries > count
end

local function remove(lane, ids, marks)
  local count, has_more = count_heads(lane, ids)
  local unmarked = 0
  for k = 1, count do
    finished[#finished + 1], gone[#gone + 1] = ids[k], marker_key(ids[k])
    if marks[k] then unmarked = unmarked + 1 end
  end
  if not has_more then
    gone[#gone + 1], gone[#gone + 2] = lane_key(lane), info_key(lane)
  elseif count > 0 then
    redis.call('LTRIM', lane_key(lane), count, -1)
    if unmarked > 0 then redis.call('HINCRBY', info_key(lane), 'marks', -unmarked) end
  end
  return count, has_more
end

local function give_back(lane, delay_ms, reason, suspect, uncount, removed)
  local info = info_key(lane)
  local before = redis.call('HMGET', info, 'suspect', 'attempts', 'last')
  if before[3] then redis.call('HDEL', info, 'last') end
  if removed > 0 then
    redis.call('HINCRBY', info, 'removed', removed)
    if before[2] then redis.call('HDEL', info, 'attempts') end
  elseif uncount == 1 and tonumber(before[2] or 0) > 0 then
    redis.call('HINCRBY', info, 'attempts', -1)
  end
  if suspect < 0 then suspect = tonumber(before[1] or 0) - removed end
  if suspect > 0 then
    redis.call('HSET', info, 'suspect', suspect)
  elseif before[1] then
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
local owned = {}
for _, lane in ipairs(redis.call('HKEYS', claim)) do owned[lane] = true end
local i = 2
while i <= #ARGV do
  local lane, delay_ms, reason = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local suspect, uncount, count = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  i = i + 6
  local ids, marks = {}, {}
  for k = 1, count do
    ids[k] = ARGV[i + 2 * k - 2]
    local known = redis.call('HMGET', marker_key(ids[k]), 'reply', 'mark')
    publish_later(known[1], ARGV[i + 2 * k - 1])
    marks[k] = known[2]
  end
  i = i + 2 * count
  if owned[lane] then
    ours[#ours + 1] = lane
    local removed, has_more = remove(lane, ids, marks)
    if has_more then give_back(lane, delay_ms, reason, suspect, uncount, removed) end
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
end
call_with(ours, 'ZREM', HELD)
call_with(ours, 'HDEL', HOLDERS)
call_with(ours, 'HDEL', claim)
call_with(gone, 'DEL')
call_with(ready, 'RPUSH', READY)
if #finished > 0 then
  local key = finished_key(now, 0)
  call_with(finished, 'SADD', key)
  if redis.call('TTL', key) < 0 then redis.call('PEXPIRE', key, 2 * FINISHED_MS) end
  redis.call('HINCRBY', COUNTERS, 'waiting', -#finished)
  redis.call('HINCRBY', COUNTERS, 'bytes', -removed_bytes)
end
for _, channel in ipairs(channels) do
  redis.call('PUBLISH', channel, table.concat(answers[channel], '\n'))
end
return lost
