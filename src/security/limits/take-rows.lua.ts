/**
 * What `Bucket.take` does, in Redis: one step for all replicas, by Redis' clock. Kept of a caller is one key,
 * `<rows used> <microseconds>`, which is gone once it is empty.
 *
 * Before the rows are taken, those are added that were taken while Redis did not answer, though it may run over.
 *
 * It answers 1 where the rows were taken, else 0, and how many are used, with all its digits.
 */
export const TAKE_ROWS = `
local limit, window, rows, owed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local used, at = 0, now
local kept = redis.call('GET', KEYS[1])
if kept then
  local first, second = string.match(kept, '^([%d.e+-]+) (%d+)$')
  used, at = tonumber(first) or 0, tonumber(second) or now
  used = math.max(0, used - math.max(0, now - at) * limit / window)
end
used = used + owed
local taken = 0
if used + rows <= limit then
  used = used + rows
  taken = 1
end
-- Where the clock was set back, too: time would not empty it until then.
if taken == 1 or owed > 0 or at > now then
  redis.call('SET', KEYS[1], string.format('%.17g %.0f', used, now), 'PX', math.ceil(used * window / limit / 1000) + 1)
end
return { taken, string.format('%.17g', used) }
`;
