-- AddPhysicalKey, uniformly over BENCH_USERS users; every answer is looked at.
-- From the environment: BENCH_USERS, BENCH_API_KEY, BENCH_BODY. Prints one line, `result {…}`.
-- An answer counts as good only if it is a 200 that says success; all else is `wrong`.

local threads = {}
local requests = {}

wrong = 0
number = 0

function setup(thread)
    table.insert(threads, thread)
    thread:set("number", #threads)
end

function init(args)
    local headers = {
        ["X-API-Key"] = os.getenv("BENCH_API_KEY"),
        ["Content-Type"] = "application/json",
    }
    math.randomseed(os.time() * 64 + number)
    for user = 1, tonumber(os.getenv("BENCH_USERS")) do
        local path = string.format("/users/bench-%04d/AddPhysicalKey", user)
        requests[user] = wrk.format("POST", path, headers, os.getenv("BENCH_BODY"))
    end
end

function request()
    return requests[math.random(#requests)]
end

function response(status, headers, body)
    if status ~= 200 or not string.find(body, '"success":%s*true') then
        wrong = wrong + 1
    end
end

function done(summary, latency, _)
    local wrong_answers = 0
    for _, thread in ipairs(threads) do
        wrong_answers = wrong_answers + thread:get("wrong")
    end
    local errors = summary.errors
    io.write(string.format(
        'result {"answers": %d, "wrong": %d, "broken": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d}\n',
        summary.requests, wrong_answers, errors.connect + errors.read + errors.write + errors.timeout,
        summary.duration, latency:percentile(50), latency:percentile(99)))
end
