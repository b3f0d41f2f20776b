// Answers one question a line: {"filter", "users"} or {"user", "operations"}, with what scim2-parse-filter and scim-patch say.

const readline = require("node:readline");
const { scimPatch } = require("scim-patch");
const { filter, parse } = require("scim2-parse-filter");

function answer(question) {
  if ("operations" in question) {
    return { user: scimPatch(question.user, question.operations) };
  }
  const matches = filter(parse(question.filter));
  return { matches: question.users.map(matches) };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answered;
  try {
    answered = answer(JSON.parse(line));
  } catch (error) {
    answered = { refused: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answered)}\n`);
});
