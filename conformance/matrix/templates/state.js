// What is shown, as the address says it; and small things that all parts use.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const esc = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

const VIEWS = ["promises", "checks", "facts"];
const LISTS = ["promise", "level", "verdict", "platform"];
const platforms = new Map(data.platforms.map((platform) => [platform.id, platform]));
const checks = new Map(data.checks.map((check) => [check.id, check]));
const facts = new Map(data.facts.map((fact) => [fact.id, fact]));
const groups = new Map(data.groups.map((group) => [group.id, group]));

// view, promise, level, verdict, platform: sets; q: words; diff; base: the profile that others are
// compared with; at: the cell that is open, "row@platform", or a row, or a platform.
let state = {};

function readState() {
  const told = new URLSearchParams(location.hash.slice(1));
  const view = told.get("view");
  state = {
    view: VIEWS.includes(view) ? view : "promises",
    q: told.get("q") || "",
    diff: told.get("diff") === "1",
    base: told.get("base") || "",
    at: told.get("at") || "",
  };
  for (const list of LISTS) state[list] = new Set((told.get(list) || "").split(",").filter(Boolean));
}

function address(changes) {
  const next = { ...state, ...changes };
  const told = [["view", next.view]];
  for (const list of LISTS) if (next[list].size) told.push([list, [...next[list]].join(",")]);
  if (next.q) told.push(["q", next.q]);
  if (next.diff) told.push(["diff", "1"]);
  for (const name of ["base", "at"]) if (next[name]) told.push([name, next[name]]);
  const kept = (text) => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%40/g, "@");
  return "#" + told.map(([name, value]) => `${name}=${kept(value)}`).join("&");
}

// *quietly*: no step of its own for the back button, and nothing is drawn again.
function go(changes, quietly) {
  const target = address(changes);
  if (quietly) {
    history.replaceState(null, "", target);
    readState();
  } else if (target !== location.hash) {
    location.hash = target;
  }
}

const evidenceClass = (platform) => {
  const first = platform.evidence.split(" ")[0];
  return ["ran", "emulated", "simulated", "documented"].includes(first) ? first : "emulated";
};

function cellState(cell) {
  if (!cell) return "none";
  return cell.verdict === "fail" && cell.listed ? "listed" : cell.verdict;
}

function words(cell, check, platform) {
  const told = cellState(cell);
  if (!cell) return data.marks.none[1];
  if (platform.evidence === "documented") return cell.verdict === "pass" ? "documented to hold" : "documented to differ";
  const part = cell.failed && cell.failed < cell.ran ? ` in ${cell.failed} of ${cell.ran} variants` : "";
  const [verdict, listed] = data.marks[told][1].split(", ");
  return verdict + part + (listed ? `, ${listed}` : "");
}

function brief(cell) {
  const part = cell.failed && cell.failed < cell.ran ? `, ${cell.failed} of ${cell.ran}` : "";
  return data.marks[cell.verdict][1].replace(" of the suite", "") + part;
}

const shown = (key) =>
  data.platforms.filter((it) => it[key] && (!state.platform.size || state.platform.has(it.id)));

function factValue(platform, id) {
  if (id in platform.facts) {
    const value = platform.facts[id];
    if (value === true) return "yes";
    if (value === false) return "no";
    return Array.isArray(value) ? value.join(", ") || "none" : String(value);
  }
  return id in platform.unanswered ? `no answer: ${platform.unanswered[id]}` : "not measured";
}
