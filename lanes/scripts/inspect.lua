-- Inspect: what is known of a command and of its lane.
-- ARGV: id, reply channel that wants its answer too, or ''.
-- Result: nil if unknown, else {now_ms, lane, caller, label, at_ms, mark, ahead, depth,
--         lane state (ready | held | delayed | parked), is_claimed, holder, deadline_ms, due_ms, reason, attempts}.
local marker = marker_key(ARGV[1])
local known = redis.call('HMGET', marker, 'lane', 'caller', 'label', 'at', 'mark', 'nth', 'reply')
local lane = known[1]
if not lane then return false end
local reply = ARGV[2]
if reply ~= '' then
  local others = known[7] or ''
  if not string.find(',' .. others .. ',', ',' .. reply .. ',', 1, true) then
    redis.call('HSET', marker, 'reply', others == '' and reply or others .. ',' .. reply)
  end
end
local info = redis.call('HMGET', info_key(lane), 'removed', 'reason', 'attempts')
local token = redis.call('HGET', HOLDERS, lane)
local claimed = token and redis.call('HGET', claim_key(token), lane)
local deadline, due = redis.call('ZSCORE', HELD, lane), redis.call('ZSCORE', DELAYED, lane)
local parked = redis.call('HGET', PARKED, lane)
local reason = parked and string.match(parked, '^%d+:(.*)$') or info[2]
local ahead = math.max(0, tonumber(known[6]) - tonumber(info[1] or 0))
local is_claimed = claimed and ahead < tonumber(claimed)
return {now_ms(), lane, known[2], known[3], tonumber(known[4]), known[5] or '', ahead,
  redis.call('LLEN', lane_key(lane)), deadline and 'held' or parked and 'parked' or due and 'delayed' or 'ready',
  is_claimed and 1 or 0, token or '', tonumber(deadline or 0), tonumber(due or 0), reason or '',
  tonumber(info[3] or 0)}
