// Runs the suite in Pyodide: `node pyodide.mjs MODULE SUITE RESULTS FILE WORDS...`.
// Exit status 0 if it was refused in one sentence and with the exit status for that, else 1.
const [module, suite, results, file, ...words] = process.argv.slice(2);
const { loadPyodide } = await import(module);
const said = [];
const keep = (line) => {
  said.push(line);
  console.log(line);
};
const pyodide = await loadPyodide({ stdout: keep, stderr: keep });
const folders = { "/suite": suite, "/results": results };
for (const [inside, outside] of Object.entries(folders)) {
  pyodide.FS.mkdirTree(inside);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: outside }, inside);
}
pyodide.globals.set("words", pyodide.toPy([`/suite/${file}`, ...words]));
const status = await pyodide.runPythonAsync(`
import runpy, sys
sys.argv = words
try:
    runpy.run_path(words[0], run_name="__main__")
    ended = 0
except SystemExit as end:
    ended = end.code
ended
`);
// What is asked of the suite: no traceback, the status of a run that proves nothing, and why.
const refused = status === 3 && said.length === 1 && said[0].startsWith("unsupported");
if (!refused) {
  console.log(`expected one line "unsupported..." and exit status 3; came: exit status ${status}`);
}
process.exit(refused ? 0 : 1);
