local digest, seen, expires = unpack(ARGV)
if not redis.call('ZSCORE', KEYS[2], digest) then
    return
end
local before = redis.call('HGET', KEYS[1], 'expires')
if before and tonumber(redis.call('HGET', KEYS[1], 'seen') or 0) < tonumber(seen) then
    redis.call('HSET', KEYS[1], 'seen', seen)
end
if not before or tonumber(before) >= tonumber(expires) then
    return
end
-- By how much, not until when: the clock of this server is nobody's business.
local life = redis.call('PTTL', KEYS[1]) + (expires - before) * 1000
redis.call('HSET', KEYS[1], 'expires', expires)
redis.call('PEXPIRE', KEYS[1], life)
redis.call('ZADD', KEYS[2], expires, digest)
if redis.call('PTTL', KEYS[2]) < life then
    redis.call('PEXPIRE', KEYS[2], life)
end
