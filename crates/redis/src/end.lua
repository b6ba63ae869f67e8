redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('UNLINK', KEYS[1])
