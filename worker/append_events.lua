-- Append events to the stream; those it has already are passed over.
-- KEYS: 1 stream. ARGV: 1 entries kept, about; then for each event in order: position, CloudEvents JSON, type,
-- user, version, organisation ('' where there is none).
-- Result: none.
local stream, length = KEYS[1], ARGV[1]
local last = 0
if redis.call('EXISTS', stream) == 1 then
    local about = redis.call('XINFO', 'STREAM', stream)
    for i = 1, #about, 2 do
        if about[i] == 'last-generated-id' then last = tonumber(string.match(about[i + 1], '^%d+')) end
    end
end
for i = 2, #ARGV, 6 do
    if tonumber(ARGV[i]) > last then
        redis.call('XADD', stream, 'MAXLEN', '~', length, ARGV[i] .. '-0', 'event', ARGV[i + 1], 'type', ARGV[i + 2],
            'user', ARGV[i + 3], 'version', ARGV[i + 4], 'organisation', ARGV[i + 5])
    end
end
