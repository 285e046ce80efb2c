-- Renew: prolong the leases of a claim.
-- ARGV: token, lease_ms.
-- Result: the lanes that are still ours.
local token, now = ARGV[1], now_ms()
local lanes = redis.call('HKEYS', claim_key(token))
for _, lane in ipairs(lanes) do
  -- ZREM before ZADD: Redis allows it when it is full, and with it the write that follows.
  redis.call('ZREM', HELD, lane)
  redis.call('ZADD', HELD, now + tonumber(ARGV[2]), lane)
end
return lanes
