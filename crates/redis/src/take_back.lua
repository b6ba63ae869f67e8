local count = tonumber(redis.call('HGET', KEYS[1], 'count') or 0)
if count == 0 then
    return
end
redis.call('HSET', KEYS[1], 'count', count - 1)
if count - 1 < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'waits', 0)
end
