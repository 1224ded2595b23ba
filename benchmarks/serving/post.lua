-- Sends the bodies of a file, one a line, in turn, and prints what wrk measured as one line of JSON.
--     wrk -t1 -c16 -d6s -s post.lua http://127.0.0.1:PORT -- PATH FILE
--     A third word is the mean pause of each connection between an answer and its next request [ms], for a rate below the greatest.
local requests, at, pause = {}, 0, 0

function init(args)
   local headers = { ["Content-Type"] = "application/json", ["Host"] = wrk.host .. ":" .. wrk.port }
   for line in io.lines(args[2]) do
      requests[#requests + 1] = wrk.format("POST", args[1], headers, line)
   end
   pause = tonumber(args[3] or 0)
end

-- Evenly spread around the mean, in whole milliseconds: all that wrk can wait for.
function delay()
   return pause > 0 and math.random(0, 2 * pause) or 0
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.4f, "p99_ms": %.4f}\n',
      summary.requests, summary.duration / 1e6,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
