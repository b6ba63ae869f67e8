local now, free, first, longest, off, life = unpack(ARGV)
now, free, first, longest, off = tonumber(now), tonumber(free), tonumber(first), tonumber(longest), tonumber(off)
local count, waits = unpack(redis.call('HMGET', KEYS[1], 'count', 'waits'))
count, waits = tonumber(count) or 0, tonumber(waits) or 0
local forgotten = tonumber(redis.call('HGET', KEYS[1], 'forgotten') or 0)
if forgotten <= now then
    count, waits = 0, 0
end
if off > 0 and count >= off then
    return {'off', 0}
end
if waits > now then
    return {'wait', waits - now}
end
count = count + 1
waits = 0
if count >= free then
    waits = now + math.min(longest, first * 2 ^ math.min(count - free, 20))
end
if off > 0 and count >= off then
    -- Never forgotten.
    redis.call('HSET', KEYS[1], 'count', count, 'waits', waits, 'forgotten', '1e15')
    redis.call('PERSIST', KEYS[1])
else
    redis.call('HSET', KEYS[1], 'count', count, 'waits', waits, 'forgotten', now + life)
    -- By how much, not until when: the clock of this server is nobody's business.
    redis.call('EXPIRE', KEYS[1], life)
end
return {'granted', count}
