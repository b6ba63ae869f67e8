local life = tonumber(ARGV[1])
local count = tonumber(redis.call('HGET', KEYS[1], 'count') or 0)
if count == 0 then
    return
end
if count == 1 then
    redis.call('UNLINK', KEYS[1])
    return
end
if redis.call('PTTL', KEYS[1]) == -1 then
    -- What was off is so no more, and is forgotten in its time.
    local waits = tonumber(redis.call('HGET', KEYS[1], 'waits'))
    redis.call('HSET', KEYS[1], 'forgotten', waits + life)
    redis.call('EXPIRE', KEYS[1], life)
end
redis.call('HSET', KEYS[1], 'count', count - 1, 'waits', 0)
