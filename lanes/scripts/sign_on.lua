-- Sign on: a drain takes a slot among the awake ones, a reserved one if there is one.
-- ARGV: drain, lease_ms, drains_max.
-- Result: 1, or 0 when all slots are taken.
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', AWAKE, '-inf', now)
for _, name in ipairs(redis.call('ZRANGE', AWAKE, 0, -1)) do
  if string.sub(name, 1, 2) == 'r:' then
    redis.call('ZREM', AWAKE, name)
    break
  end
end
if redis.call('ZCARD', AWAKE) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', AWAKE, now + tonumber(ARGV[2]), ARGV[1])
return 1
