-- What is not in the index is no session. The sessions are in the slot of the index.
local sessions = {}
for _, digest in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local key = ARGV[1] .. digest
    if redis.call('EXISTS', key) == 1 then
        local fields = redis.call('HMGET', key, 'started', 'seen', 'expires', 'ends', 'remembered', 'from', 'agent')
        table.insert(sessions, {digest, fields})
    end
end
return sessions
