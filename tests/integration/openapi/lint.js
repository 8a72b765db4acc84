// Checks an OpenAPI document with Redocly's rules: redocly.yaml next to this file has the exceptions.
// Prints each finding, and ends with 1 if there is one. Redocly's command-line program does the same, with
// 200 packages more.
//   node lint.js DOCUMENT.json
"use strict";

const path = require("path");
const { formatProblems, lint, loadConfig } = require("@redocly/openapi-core");

async function main() {
  const config = await loadConfig({ configPath: path.join(__dirname, "redocly.yaml") });
  const problems = await lint({ ref: process.argv[2], config });
  const totals = { errors: 0, warnings: problems.length, ignored: 0 };
  formatProblems(problems, { format: "codeframe", maxProblems: problems.length, totals });
  process.exitCode = problems.length === 0 ? 0 : 1;
}

main();
