-- A request as long as those of the load generator, and the result as one line of JSON.
wrk.path = "/c/bench-12?utm_source=google&utm_medium=cpc&utm_campaign=summer_3&utm_content=creative_44"
  .. "&ad_id=120000000000&placement=site12345.example&keyword=running%20shoes%2012&cost=0.1234&gclid="
  .. string.rep("x", 91)
wrk.headers["X-Forwarded-For"] = "100.123.145.200"
wrk.headers["User-Agent"] = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
  .. "(KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
wrk.headers["Accept-Language"] = "en-US,en;q=0.9"
wrk.headers["Referer"] = "https://site12345.example/articles/123456"
wrk.headers["Sec-Fetch-Dest"] = "document"
wrk.headers["Sec-Fetch-Mode"] = "navigate"
wrk.headers["Sec-Fetch-Site"] = "cross-site"
wrk.headers["Upgrade-Insecure-Requests"] = "1"

function done(summary, latency)
  io.write(string.format('{"per_second": %.1f, "latency_us": {"p50": %d, "p99": %d}}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99)))
end
