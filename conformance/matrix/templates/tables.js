// The two large tables. A group is drawn when it comes near the window; events are caught on top.

// Words with `names` in them, as the checks and the facts are written.
const coded = (text) => esc(text).replace(/`([^`]+)`/g, "<code>$1</code>");

const near = new IntersectionObserver(
  (seen) => seen.forEach((it) => it.isIntersecting && fill(it.target)),
  { rootMargin: "900px 0px" },
);
let pending = new Map(); // what is not drawn yet: a tbody, and its rows

function matches(...texts) {
  const wanted = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const text = texts.join(" ").toLowerCase();
  return wanted.every((word) => text.includes(word));
}

function checkRows(columns) {
  return data.checks.filter((check) => {
    if (state.promise.size && !state.promise.has(check.group)) return false;
    if (state.level.size && !state.level.has(check.level)) return false;
    if (state.q && !matches(check.id, check.requirement, check.source, groups.get(check.group).title)) return false;
    if (!state.verdict.size && !state.diff) return true;
    const states = columns.map((platform) => cellState(platform.cells[check.id]));
    if (state.verdict.size && !states.some((it) => state.verdict.has(it))) return false;
    const ran = states.filter((it) => it !== "none" && it !== "skip").map((it) => (it === "listed" ? "fail" : it));
    return !state.diff || new Set(ran).size > 1;
  });
}

function factRows(columns) {
  return data.facts.filter((fact) => {
    if (state.q && !matches(fact.id, fact.meaning, ...columns.map((it) => factValue(it, fact.id)))) return false;
    return !state.diff || new Set(columns.map((it) => factValue(it, fact.id))).size > 1;
  });
}

const WIDE = 7; // columns; more of them have no room for words
const SHORT = { ran: "ran", emulated: "emul.", simulated: "simul.", documented: "read" };

function head(columns, corner) {
  const cells = columns.map((platform, place) => {
    const told = evidenceClass(platform);
    return `<th scope="col" class="${told}" data-c="${place}"><button type="button" data-about="${platform.id}" title="${esc(
      `${platform.name}, ${platform.tags.join(", ")}`,
    )}"><span class="name"><b>${esc(platform.name)}</b><small>${esc(platform.about)}</small></span><em>${columns.length > WIDE && state.view === "checks" ? SHORT[told] : told}</em></button></th>`;
  });
  return `<thead><tr><th scope="col" class="corner">${corner}</th>${cells.join("")}</tr></thead>`;
}

function draw(section, columns, rows, title, row) {
  near.disconnect();
  pending = new Map();
  if (!columns.length || !rows.length) {
    section.innerHTML = `<p class="note empty">${columns.length ? "Nothing is like that." : "No platform to show."}</p>`;
    return;
  }
  const counted = `${rows.length} ${section.id === "facts" ? "facts" : "checks"}`;
  section.innerHTML = `<table class="grid ${columns.length <= WIDE ? "wide" : "narrow"}${columns.length <= 3 ? " few" : ""}" role="grid" style="--columns:${
    columns.length
  }">${head(columns, counted)}</table>`;
  const table = section.firstChild;
  for (const [group, members] of Map.groupBy ? Map.groupBy(rows, (it) => it.group) : grouped(rows)) {
    const name = document.createElement("tbody");
    name.className = "group";
    name.innerHTML = `<tr><th colspan="${columns.length + 1}" scope="colgroup"><span>${title(group)}</span></th></tr>`;
    const body = document.createElement("tbody");
    body.innerHTML = `<tr class="later"><td colspan="${columns.length + 1}" style="height:calc(var(--row) * ${members.length})"></td></tr>`;
    pending.set(body, { of: group, html: () => members.map((member) => row(member, columns)).join("") });
    table.append(name, body);
    near.observe(body);
  }
}

function grouped(rows) {
  const found = new Map();
  for (const row of rows) found.set(row.group, [...(found.get(row.group) || []), row]);
  return found;
}

function fill(body) {
  const later = pending.get(body);
  if (!later) return;
  pending.delete(body);
  near.unobserve(body);
  body.innerHTML = later.html();
  if (body.querySelector(`tr[data-row="${CSS.escape(state.at.split("@")[0])}"]`)) mark();
}

function checkRow(check, columns) {
  const cells = columns.map((platform, place) => {
    const cell = platform.cells[check.id];
    const told = cellState(cell);
    const part = cell && cell.failed && cell.failed < cell.ran ? " part" : "";
    const level = ((cell && cell.level) || check.level).toLowerCase();
    const said = words(cell, check, platform);
    const short = told === "none" ? "" : brief(cell);
    const read = platform.evidence === "documented" ? " read" : "";
    return `<td class="${told} ${level}${part}${read}" data-c="${place}" tabindex="-1" aria-label="${said}"><i>${
      data.marks[told][0]
    }</i>${columns.length > WIDE ? "" : `<span>${short}</span>`}</td>`;
  });
  return `<tr data-row="${check.id}"><th scope="row"><button type="button" data-row-about="${check.id}"><span>${coded(
    check.requirement,
  )}</span><small><em class="${check.level.toLowerCase()}">${check.level}</em> <code>${check.id}</code></small></button></th>${cells.join("")}</tr>`;
}

function factRow(fact, columns) {
  const base = columns.find((it) => it.id === state.base) || columns[0];
  const usual = factValue(base, fact.id);
  const cells = columns.map((platform, place) => {
    const value = factValue(platform, fact.id);
    const kind = platform === base ? "base" : value === usual ? "same" : "other";
    const silent = fact.id in platform.facts ? "" : " silent";
    return `<td class="${kind}${silent}" data-c="${place}" tabindex="-1"><i>${kind === "other" ? "≠" : ""}</i><span>${esc(value)}</span></td>`;
  });
  return `<tr data-row="${fact.id}"><th scope="row"><button type="button" data-row-about="${fact.id}"><span>${coded(
    fact.meaning,
  )}</span><small><code>${fact.id}</code></small></button></th>${cells.join("")}</tr>`;
}

const views = {
  checks() {
    const columns = shown("cells");
    draw($("checks"), columns, checkRows(columns), (group) => {
      const it = groups.get(group);
      return `<b>${esc(it.title)}</b> <small>${esc(it.sentence)}</small>`;
    }, checkRow);
  },
  facts() {
    const columns = shown("facts");
    draw($("facts"), columns, factRows(columns), (group) => `<b>${esc(data.fact_groups[group] || group)}</b>`, factRow);
    const base = columns.find((it) => it.id === state.base) || columns[0];
    $("facts").querySelectorAll("thead [data-about]").forEach((it) => it.classList.toggle("base", it.dataset.about === base.id));
  },
  promises() {
    document.querySelectorAll(".overview tbody tr").forEach((row) => {
      row.hidden = state.platform.size > 0 && !state.platform.has(row.dataset.platform);
    });
  },
};
