-- Sends the bodies of a file, one a line, in turn, and prints what wrk measured as one line of JSON.
--     wrk -t1 -c16 -d6s -s post.lua http://127.0.0.1:PORT -- PATH FILE
local requests, at = {}, 0

function init(args)
   local headers = { ["Content-Type"] = "application/json", ["Host"] = wrk.host .. ":" .. wrk.port }
   for line in io.lines(args[2]) do
      requests[#requests + 1] = wrk.format("POST", args[1], headers, line)
   end
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
