-- What is not in the index is no session, whatever is left of it.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    return false
end
if redis.call('EXISTS', KEYS[1]) == 0 then
    return false
end
return redis.call('HMGET', KEYS[1], 'started', 'seen', 'expires', 'ends', 'remembered', 'from', 'agent')
