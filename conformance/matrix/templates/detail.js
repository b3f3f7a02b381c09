// The pane beside the table: a cell, a row, or a platform in full.

const link = (url, text) => (/^https?:/.test(url) ? `<a href="${esc(url)}" rel="noreferrer">${esc(text || url)}</a>` : esc(text || url));
const defined = (pairs) =>
  `<dl class="told">${pairs.filter(([, said]) => said).map(([name, said]) => `<dt>${esc(name)}</dt><dd>${said}</dd>`).join("")}</dl>`;
const badge = (cell, check, platform) => {
  const told = cellState(cell);
  const level = ((cell && cell.level) || check.level).toLowerCase();
  return `<span class="verdict ${told} ${level}"><i>${data.marks[told][0]}</i> ${words(cell, check, platform)}</span>`;
};
const chip = (platform) => `<span class="chip ${evidenceClass(platform)}">${evidenceClass(platform)}</span>`;
const named = (platform) => `<b>${esc(platform.name)}</b>${platform.about ? ` <small>${esc(platform.about)}</small>` : ""}`;

function transcripts(told) {
  return Object.entries(told || {}).map(([who, lines]) => {
    const title = who === "platform" ? "the steps" : `what peer ${who} was asked and said`;
    return `<details><summary>${esc(title)} <small>${lines.length} lines</small></summary><pre>${lines.map(spoken).join("\n")}</pre></details>`;
  }).join("");
}

function spoken(line) {
  const said = /^(\s*[\d.]+ )?(2>|[><!])(.*)$/.exec(line);
  if (!said) return esc(line);
  const kind = { ">": "asked", "<": "answered", "!": "broke", "2>": "stderr" }[said[2]];
  return `<span class="${kind}">${esc(said[1] || "")}${esc(said[2] + said[3])}</span>`;
}

function seen(cell) {
  return (cell.seen || []).map((it) => `<div class="seen ${it.verdict}">
    <p class="message">${it.message ? esc(it.message) : data.marks[it.verdict][1]}</p>
    ${it.variants ? `<p class="variants">${it.count > 1 ? `${it.count} variants: ` : ""}${esc(it.variants)}</p>` : ""}
    ${transcripts(it.transcript)}
    ${it.again ? `<p class="again"><code>${esc(it.again)}</code></p>` : ""}</div>`).join("");
}

function reasons(cell, platform) {
  const lines = (cell.lines || []).map((it) =>
    `<li><p>${coded(it.reason)}</p><small>${[esc(it.evidence), it.when && `when ${esc(it.when)}`, it.url && link(it.url)].filter(Boolean).join("<br>")}</small></li>`);
  if (!lines.length) return "";
  const title = platform.evidence === "documented" ? "Documented" : `Baseline ${esc((platform.baseline || {}).name || "")} expects it`;
  return `<h3>${title}</h3><ul class="reasons">${lines.join("")}</ul>`;
}

function elsewhere(check, except) {
  const others = data.platforms.filter((it) => it.cells && it.cells[check.id] && it !== except);
  if (!others.length) return "";
  const rows = others.map((it) =>
    `<li><a href="${address({ at: `${check.id}@${it.id}` })}">${named(it)}</a>${badge(it.cells[check.id], check, it)}</li>`);
  return `<h3>${except ? "On the other platforms" : "On each platform"}</h3><ul class="elsewhere">${rows.join("")}</ul>`;
}

function knownOf(check) {
  const told = data.known[check.id] || [];
  if (!told.length) return "";
  const rows = told.map((it) => `<li><b>${esc(it.system)}</b>: ${coded(it.does)}<small>${esc(it.evidence)}: ${
    it.url ? link(it.url, it.where) : esc(it.where)}, ${esc(it.when)}</small></li>`);
  return `<details class="known"><summary>What systems are known to do <small>${told.length}</small></summary><ul>${rows.join("")}</ul></details>`;
}

function asked(check) {
  return `<p class="over">${esc(groups.get(check.group).title)} &middot; <em class="${check.level.toLowerCase()}">${check.level}</em></p>
    <h2>${coded(check.requirement)}</h2><p><code>${esc(check.id)}</code></p>`;
}

function because(check) {
  return (check.why ? `<p class="why">${coded(check.why)}</p>` : "") + defined([["source", esc(check.source)]]);
}

function ofCell(check, platform) {
  const cell = platform.cells[check.id];
  const level = cell && cell.level ? `<p class="why">Its own catalogue says ${cell.level}, not ${check.level}.</p>` : "";
  const repro = check.platform ? `<p class="again"><code>python -m conformance repro ${esc(check.id)}</code></p>` : "";
  const ran = cell && cell.ran > 1 ? `<p class="variants">${cell.ran} variants ran${cell.skipped ? `, ${cell.skipped} were skipped` : ""}</p>` : "";
  return `${asked(check)}
    <p class="where">${named(platform)} ${chip(platform)}</p><p>${badge(cell, check, platform)}</p>${level}${ran}
    ${cell ? seen(cell) + reasons(cell, platform) : ""}${repro}
    <h3>Why it is asked</h3>${because(check)}${elsewhere(check, platform)}${knownOf(check)}
    <h3>The platform</h3>${environment(platform)}`;
}

function environment(platform) {
  return defined(Object.entries(platform.environment).map(([name, said]) => [name, esc(said)]));
}

function ofPlatform(platform) {
  const counts = platform.counts && Object.entries(platform.counts).map(([verdict, count]) => `${count} ${verdict}`).join(", ");
  const baseline = platform.baseline && `${esc(platform.baseline.name)}: the run is ${platform.baseline.as_listed ? "" : "not "}as it lists`;
  const faults = platform.baseline && platform.baseline.wrong.length ? `<ul>${platform.baseline.wrong.map((it) => `<li>${esc(it)}</li>`).join("")}</ul>` : "";
  const wrong = (check) => platform.cells && ["fail", "error"].includes((platform.cells[check.id] || {}).verdict);
  const failing = data.checks.filter((check) => wrong(check) && (!state.promise.size || state.promise.has(check.group)));
  const of = [...state.promise].map((group) => groups.get(group)).filter(Boolean).map((it) => it.title).join(", ");
  const rows = failing.map((check) =>
    `<li><a href="${address({ view: "checks", at: `${check.id}@${platform.id}` })}">${coded(check.requirement)}
      <small><em class="${check.level.toLowerCase()}">${platform.cells[check.id].level || check.level}</em> <code>${check.id}</code></small></a>${badge(platform.cells[check.id], check, platform)}</li>`);
  return `<p class="over">platform</p><h2>${esc(platform.name)}</h2><p class="where">${esc(platform.tags.join(", "))} ${chip(platform)}</p>
    ${defined([
      ["verdict", platform.verdict && `<b>${esc(platform.verdict)}</b>`],
      ["results", counts],
      ["baseline", baseline && baseline + faults],
      ["tried", esc(platform.subject || "")],
      ["suite", platform.suite && esc(platform.suite) + (platform.other_catalogue ? ", of another catalogue than the newest file" : "")],
      ["selection", platform.selection && "a part of the catalogue, not the whole"],
      ["started", platform.started && esc(platform.started.replace("T", " ").replace("+00:00", " UTC"))],
    ])}
    ${platform.facts ? `<p><a class="button" href="${address({ view: "facts", base: platform.id, at: "" })}">Compare the facts of others with this one</a></p>` : ""}
    ${rows.length ? `<h3>What ${platform.evidence === "documented" ? "differs" : "fails"}${of && ` of: ${esc(of)}`}</h3><ul class="elsewhere">${rows.join("")}</ul>` : ""}
    <h3>Environment</h3>${environment(platform)}`;
}

function ofFact(fact, platform) {
  const having = data.platforms.filter((it) => it.facts);
  const alike = new Map();
  for (const it of having) {
    const value = factValue(it, fact.id);
    alike.set(value, [...(alike.get(value) || []), it]);
  }
  const rows = [...alike].map(([value, of]) => `<li class="${of.includes(platform) ? "here" : ""}"><b>${esc(value)}</b><small>${of.map((it) =>
    esc(it.name) + (it.about ? ` (${esc(it.about)})` : "")).join("; ")}</small></li>`);
  return `<p class="over">fact &middot; ${esc(data.fact_groups[fact.group] || fact.group)}</p><h2>${coded(fact.meaning)}</h2><p><code>${esc(fact.id)}</code></p>
    ${platform ? `<p class="where">${named(platform)} ${chip(platform)}</p><p class="value">${esc(factValue(platform, fact.id))}</p>` : ""}
    ${defined([["source", esc(fact.source)]])}
    <h3>${alike.size === 1 ? "The same everywhere" : `${alike.size} different answers`}</h3><ul class="values">${rows.join("")}</ul>
    ${platform ? `<h3>The platform</h3>${environment(platform)}` : ""}`;
}

function detail() {
  const [row, place] = state.at.includes("@") ? state.at.split("@") : [state.at, ""];
  const platform = platforms.get(place || row);
  const check = checks.get(row), fact = facts.get(row);
  if (check && platform && platform.cells) return ofCell(check, platform);
  if (fact) return ofFact(fact, platform && platform.facts ? platform : null);
  if (check) return `${asked(check)}${because(check)}${elsewhere(check)}${knownOf(check)}`;
  return platform ? ofPlatform(platform) : "";
}

function showDetail() {
  const said = detail();
  const pane = $("detail");
  document.body.classList.toggle("detailed", Boolean(said));
  pane.hidden = !said;
  pane.innerHTML = said && `<button type="button" id="close" aria-label="Close">×</button>${said}`;
  pane.scrollTop = 0;
}
