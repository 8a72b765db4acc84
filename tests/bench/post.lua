-- wrk script: posts the lines of requests.py, over and over. REQUESTS names the file, TARGET the path
-- and query.
local requests, at = {}, 0

function init()
	for line in io.lines(os.getenv("REQUESTS")) do
		local signature, body = line:match("^([^\t]+)\t(.*)$")
		requests[#requests + 1] = wrk.format("POST", os.getenv("TARGET"), {
			["Host"] = "callbacks.example.com",
			["User-Agent"] = "TwilioProxy/1.1",
			["Accept"] = "*/*",
			["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8",
			["X-Twilio-Signature"] = signature,
			["I-Twilio-Idempotency-Token"] = "31c6a0ab-9b4c-4b3e-8c0a-3f8a4e9d9a11",
		}, body)
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end
