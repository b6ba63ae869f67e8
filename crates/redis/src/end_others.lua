-- What is not in the index is no session, whatever is left of it: what is left goes by its own expiry.
local expires = redis.call('ZSCORE', KEYS[2], ARGV[1])
local life = redis.call('PTTL', KEYS[1])
redis.call('UNLINK', KEYS[2])
if expires and life > 0 then
    redis.call('ZADD', KEYS[2], expires, ARGV[1])
    redis.call('PEXPIRE', KEYS[2], life)
end
