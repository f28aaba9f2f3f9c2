/**
 * What `Bucket.take` does, in Redis: one step for all replicas, by Redis' clock, for several requests in turn. Kept of a
 * caller is one key, `<rows used> <microseconds>`, which is gone once it is empty.
 *
 * Each key comes with four arguments: limit, microseconds for it, rows to be taken, and rows that are owed. The last were
 * taken while Redis did not answer, and are added before, though it may run over.
 *
 * It answers two things for each: 1 where the rows were taken, else 0, and how many are used, with all its digits.
 */
export const TAKE_ROWS = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local rows, owed = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local used, at = 0, now
  local kept = redis.call('GET', key)
  if kept then
    local first, second = string.match(kept, '^([%d.e+-]+) (%d+)$')
    used, at = tonumber(first) or 0, tonumber(second) or now
    used = math.max(0, used - math.max(0, now - at) * limit / window)
    -- Whoever wrote it: nothing locks a caller out for longer than twice the time, and no infinity does at all.
    if used < math.huge then used = math.min(used, 2 * limit) else used = 0 end
  end
  used = used + owed
  local taken = 0
  if used + rows <= limit then
    used = used + rows
    taken = 1
  end
  -- Where the clock was set back, too: time would not empty it until then.
  if taken == 1 or owed > 0 or at > now then
    local expires = math.ceil(used * window / limit / 1000) + 1
    redis.call('SET', key, string.format('%.17g %.0f', used, now), 'PX', expires)
  end
  answer[2 * i - 1] = taken
  answer[2 * i] = string.format('%.17g', used)
end
return answer
`;
