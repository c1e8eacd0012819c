-- SPDX-License-Identifier: MIT
-- Only `done` is defined, so wrk keeps to its one prepared request. Prints its figures as one line of
-- JSON; the latencies as pairs of microseconds, to three digits, and how many there were.
local function rounded(us)
   local step = 10 ^ math.max(0, math.floor(math.log10(math.max(us, 1))) - 2)
   return math.floor(us / step + 0.5) * step
end

function done(summary, latency, requests)
   local counts, order, pairs_of = {}, {}, {}
   for i = 1, #latency do
      local us, count = latency(i)
      local step = rounded(us)
      if counts[step] == nil then
         order[#order + 1] = step
      end
      counts[step] = (counts[step] or 0) + count
   end
   for i, step in ipairs(order) do
      pairs_of[i] = string.format('[%d, %d]', step, counts[step])
   end
   local e = summary.errors
   io.write(string.format(
      '{"requests": %d, "duration_us": %d, "latencies": [%s], ' ..
      '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
      summary.requests, summary.duration, table.concat(pairs_of, ', '),
      e.connect, e.read, e.write, e.timeout, e.status))
end
