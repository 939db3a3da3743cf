-- Requests from a file of lines "METHOD PATH[ BODY]", taken in an order of its own by each thread.
local lines, at, kept = {}, 0, {}

function init(args)
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  math.randomseed(tonumber(args[2]))
  at = math.random(#lines)
  wrk.headers["Authorization"] = args[3] ~= "" and ("Bearer " .. args[3]) or nil
  wrk.headers["Accept"] = "application/fhir+json"
  wrk.headers["Content-Type"] = "application/fhir+json"
end

function request()
  at = at % #lines + 1
  local method, path, body = lines[at]:match("^(%u+) (%S+) ?(.*)$")
  return wrk.format(method, path, nil, body ~= "" and body or nil)
end

function done(summary, latency, requests)
  io.write(string.format(
    '\nFIGURES {"requests":%d,"seconds":%f,"bytes":%d,"p50":%f,"p95":%f,"p99":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout))
end
