-- AddPhysicalKey over BENCH_USERS users, spread as BENCH_SPREAD says (uniform | zipf); every answer is
-- looked at. With BENCH_BATCH above 1 a request is a `POST /commands` with so many of them.
-- From the environment: also BENCH_API_KEY and BENCH_BODY. Prints one line, `result {…}`.
-- An answer counts as good only if it is a 200 that says success (in a batch: each of them); all else is
-- `wrong`. A request is put together when it is sent: there may be a million users.

local ZIPF_EXPONENT = 1.1
local BATCHES = 32

local threads = {}
local users = tonumber(os.getenv("BENCH_USERS"))
local batch = tonumber(os.getenv("BENCH_BATCH"))
local body = os.getenv("BENCH_BODY")
local head, tail
local batches = {}
local pick

wrong = 0
number = 0

function setup(thread)
    table.insert(threads, thread)
    thread:set("number", #threads)
end

local function uniform()
    return math.random(users)
end

-- By the inverse of the cumulative distribution: user n with a weight of 1 / n^1.1.
local function zipf()
    local cumulative, sum = {}, 0
    for user = 1, users do
        sum = sum + user ^ -ZIPF_EXPONENT
        cumulative[user] = sum
    end
    return function()
        local wanted, low, high = math.random() * sum, 1, users
        while low < high do
            local middle = math.floor((low + high) / 2)
            if cumulative[middle] < wanted then low = middle + 1 else high = middle end
        end
        return low
    end
end

local function batch_body()
    local commands = {}
    for i = 1, batch do
        commands[i] = string.format(
            '{"command":"AddPhysicalKey","userId":"bench-%04d",%s', pick(), string.sub(body, 2))
    end
    return "[" .. table.concat(commands, ",") .. "]"
end

function init(args)
    local headers = {
        ["X-API-Key"] = os.getenv("BENCH_API_KEY"),
        ["Content-Type"] = "application/json",
    }
    math.randomseed(os.time() * 64 + number)
    pick = os.getenv("BENCH_SPREAD") == "zipf" and zipf() or uniform
    if batch > 1 then
        for i = 1, BATCHES do batches[i] = wrk.format("POST", "/commands", headers, batch_body()) end
    else
        local whole = wrk.format("POST", "/users/USER/AddPhysicalKey", headers, body)
        local first, last = string.find(whole, "USER", 1, true)
        head, tail = string.sub(whole, 1, first - 1), string.sub(whole, last + 1)
    end
end

function request()
    if batch > 1 then return batches[math.random(BATCHES)] end
    return head .. string.format("bench-%04d", pick()) .. tail
end

function response(status, headers, answer)
    if batch > 1 then
        local _, good = string.gsub(answer, '"code":%s*200', "")
        wrong = wrong + batch - (status == 200 and good or 0)
    elseif status ~= 200 or not string.find(answer, '"success":%s*true') then
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
        'result {"answers": %d, "wrong": %d, "broken": %d, "duration_us": %d, ' ..
        '"p50_us": %d, "p90_us": %d, "p99_us": %d, "p999_us": %d}\n',
        summary.requests * batch, wrong_answers,
        (errors.connect + errors.read + errors.write + errors.timeout) * batch, summary.duration,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9)))
end
