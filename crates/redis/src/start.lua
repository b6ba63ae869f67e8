local digest, started, seen, expires, ends, life, remembered, from, agent = unpack(ARGV)
redis.call('HSET', KEYS[1], 'started', started, 'seen', seen, 'expires', expires, 'ends', ends,
    'remembered', remembered, 'from', from, 'agent', agent)
redis.call('PEXPIRE', KEYS[1], life)
-- What has expired leaves the index here; the sessions themselves went by their own expiry.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', started)
redis.call('ZADD', KEYS[2], expires, digest)
if redis.call('PTTL', KEYS[2]) < tonumber(life) then
    redis.call('PEXPIRE', KEYS[2], life)
end
