// Twilio's Node SDK behind a pipe: a line of JSON in, a line of JSON out.
//   {"op": "sign", "token", "url", "params"}                        -> the signature
//   {"op": "validate", "token", "signature", "url", "params"}       -> true or false
//   {"op": "validateBody", "token", "signature", "url", "body"}     -> true or false
"use strict";

const readline = require("readline");
const webhooks = require("twilio/lib/webhooks/webhooks");

const operations = {
  sign: (ask) => webhooks.getExpectedTwilioSignature(ask.token, ask.url, ask.params),
  validate: (ask) => webhooks.validateRequest(ask.token, ask.signature, ask.url, ask.params),
  validateBody: (ask) =>
    webhooks.validateRequestWithBody(ask.token, ask.signature, ask.url, ask.body),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const ask = JSON.parse(line);
  process.stdout.write(JSON.stringify(operations[ask.op](ask)) + "\n");
});
