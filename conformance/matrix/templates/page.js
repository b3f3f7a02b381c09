// What is drawn when; keys, clicks, menus.

function drawAll() {
  const before = { ...state };
  readState();
  const { at: _, ...rest } = state;
  const changed = JSON.stringify(rest, plainly) !== JSON.stringify({ ...before, at: undefined }, plainly);
  if (changed) {
    for (const view of VIEWS) $(view).hidden = view !== state.view;
    document.querySelectorAll("[data-view]").forEach((tab) => {
      tab.setAttribute("aria-selected", tab.dataset.view === state.view);
      tab.href = address({ view: tab.dataset.view, at: "" });
    });
    document.querySelector(".filters").hidden = false;
    document.body.dataset.view = state.view;
    menus();
    if ($("search").value !== state.q) $("search").value = state.q;
    $("diff").checked = state.diff;
    $("reset").hidden = address({ base: "", at: "" }) === `#view=${state.view}`;
    views[state.view]();
  }
  showDetail();
  mark(!changed);
}

const plainly = (_, value) => (value instanceof Set ? [...value] : value);

// -- menus ------------------------------------------------------------------------------------

const MENUS = {
  promise: ["Promise", () => data.groups.map((it) => [it.id, it.title])],
  level: ["Level", () => ["MUST", "SHOULD", "MAY"].map((it) => [it, it])],
  verdict: ["Verdict", () => Object.entries(data.marks).map(([id, [sign, word]]) => [id, `${sign} ${word}`])],
  platform: ["Platform", () => data.platforms.map((it) => [it.id, [it.name, it.about].filter(Boolean).join(", ")])],
};

function menus() {
  const place = $("menus");
  if (!place.firstChild) {
    place.innerHTML = Object.entries(MENUS).map(([list, [title, items]]) => `<details class="menu" data-list="${list}">
      <summary>${title}<b></b></summary><div>${items().map(([id, said]) =>
        `<label><input type="checkbox" value="${id}"> ${esc(said)}</label>`).join("")}</div></details>`).join("");
  }
  place.querySelectorAll(".menu").forEach((menu) => {
    const chosen = state[menu.dataset.list];
    menu.hidden = menu.dataset.list !== "platform" && state.view !== "checks";
    menu.querySelector("b").textContent = chosen.size || "";
    menu.querySelectorAll("input").forEach((box) => (box.checked = chosen.has(box.value)));
  });
  document.querySelector(".switch").hidden = $("search").hidden = state.view === "promises";
}

// -- the cell in hand -------------------------------------------------------------------------

const table = () => $(state.view).querySelector("table.grid");
let current = null; // [row, column]

function mark(focused) {
  const grid = state.view !== "promises" && table();
  if (!grid) return;
  grid.querySelectorAll(".open").forEach((it) => it.classList.remove("open"));
  const [row, place] = state.at.split("@");
  const columns = shown(state.view === "facts" ? "facts" : "cells").map((it) => it.id);
  const column = columns.indexOf(place);
  const cell = column >= 0 && reach(grid, row, column);
  if (cell) {
    cell.classList.add("open");
    if (!focused) current = [row, column];
  }
  const hold = (current && grid.querySelector(`tr[data-row="${CSS.escape(current[0])}"] > [data-c="${current[1]}"]`)) || grid.querySelector("td[data-c]");
  grid.querySelectorAll("td[tabindex='0']").forEach((it) => (it.tabIndex = -1));
  if (hold) hold.tabIndex = 0;
}

// Brings the row that the address names into the window, though its group is not drawn yet.
function bring() {
  const [row] = state.at.split("@");
  const group = ((state.view === "checks" ? checks : facts).get(row) || {}).group;
  const grid = table();
  if (!grid || !group) return;
  for (const [body, { of }] of [...pending]) if (of === group) fill(body);
  const found = grid.querySelector(`tr[data-row="${CSS.escape(row)}"]`);
  if (!found) return;
  (found.querySelector(".open") || found).scrollIntoView({ block: "center", inline: "nearest" });
}

function reach(grid, row, column) {
  return grid.querySelector(`tr[data-row="${CSS.escape(row)}"] > [data-c="${column}"]`);
}

function move(cell, down, right) {
  const row = cell.parentElement;
  const column = Number(cell.dataset.c) + right;
  let next = row;
  if (down) {
    for (const body of [...pending.keys()]) if (isBeside(body, row, down)) fill(body);
    const all = [...table().querySelectorAll("tr[data-row]")];
    next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(row) + down))];
  }
  const target = next && next.querySelector(`td[data-c="${column}"]`);
  if (!target) return;
  cell.tabIndex = -1;
  target.tabIndex = 0;
  current = [next.dataset.row, column];
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (state.at) open(target, true);
}

// A page of rows may lie in what is not drawn yet: the groups beside the row are drawn first.
function isBeside(body, row, down) {
  const after = row.compareDocumentPosition(body) & Node.DOCUMENT_POSITION_FOLLOWING;
  return down > 0 ? Boolean(after) : !after;
}

function open(cell, quietly) {
  const columns = shown(state.view === "facts" ? "facts" : "cells");
  const at = `${cell.parentElement.dataset.row}@${columns[Number(cell.dataset.c)].id}`;
  go({ at }, quietly);
  if (quietly) {
    showDetail();
    mark(true);
  }
}

function close() {
  go({ at: "" });
  const grid = table();
  const cell = grid && grid.querySelector("td[tabindex='0']");
  if (cell) cell.focus({ preventScroll: true });
}

// -- events -----------------------------------------------------------------------------------

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] };

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape") {
    const menu = document.querySelector(".menu[open]");
    if (menu) menu.open = false;
    else if (state.at) close();
    else if (target.id === "search") target.blur();
    return;
  }
  if (target.matches("input, select, textarea")) {
    if (target.id === "search" && (key === "Enter" || key === "ArrowDown")) {
      const first = table() && table().querySelector("td[data-c]");
      if (first) first.focus();
      event.preventDefault();
    }
    return;
  }
  const cell = target.closest("td[data-c]");
  if (cell && key in STEPS) {
    move(cell, ...STEPS[key]);
  } else if (cell && (key === "Enter" || key === " ")) {
    open(cell);
  } else if (cell && (key === "Home" || key === "End")) {
    const last = cell.parentElement.lastElementChild.dataset.c;
    move(cell, 0, (key === "Home" ? 0 : Number(last)) - Number(cell.dataset.c));
  } else if (key === "/") {
    if (state.view === "promises") go({ view: "checks" });
    requestAnimationFrame(() => setTimeout(() => $("search").focus()));
  } else if (key === "d") {
    go({ diff: !state.diff });
  } else if (VIEWS[Number(key) - 1]) {
    go({ view: VIEWS[Number(key) - 1], at: "" });
  } else if (key.startsWith("Arrow") && target === document.body && table()) {
    const first = table().querySelector("td[tabindex='0']");
    if (first) first.focus();
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const { target } = event;
  const cell = target.closest("td[data-c]");
  const about = target.closest("[data-about], [data-row-about]");
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(target)) menu.open = false;
  if (target.closest("#close")) close();
  else if (cell) {
    cell.focus({ preventScroll: true });
    open(cell);
  } else if (about) go({ at: about.dataset.about || about.dataset.rowAbout });
  else if (target.closest("#reset")) go({ q: "", diff: false, ...Object.fromEntries(LISTS.map((list) => [list, new Set()])) });
  else if (target.closest("#theme")) theme(true);
});

document.addEventListener("change", (event) => {
  const menu = event.target.closest(".menu");
  if (menu) go({ [menu.dataset.list]: new Set([...menu.querySelectorAll(":checked")].map((box) => box.value)) });
  else if (event.target.id === "diff") go({ diff: event.target.checked });
});

let typing = 0;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    history.replaceState(null, "", address({ q: $("search").value.trim() }));
    drawAll();
  }, 120);
});

function readout(event) {
  const cell = event.target.closest && event.target.closest("td[data-c]");
  const line = $("readout");
  line.classList.toggle("on", Boolean(cell));
  if (!cell) return;
  const platform = shown(state.view === "facts" ? "facts" : "cells")[Number(cell.dataset.c)];
  const row = cell.parentElement.dataset.row;
  const said = checks.has(row) && state.view === "checks" ? words(platform.cells[row], checks.get(row), platform) : factValue(platform, row);
  line.textContent = `${row}  ·  ${[platform.name, platform.about].filter(Boolean).join(", ")}  ·  ${said}`;
}
document.addEventListener("mouseover", readout);
document.addEventListener("focusin", readout);

// -- light and dark ---------------------------------------------------------------------------

const THEMES = ["system", "light", "dark"];

function theme(next) {
  let chosen = "system";
  try {
    chosen = localStorage.getItem("theme") || chosen;
    if (next) localStorage.setItem("theme", (chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]));
  } catch (refused) {
    // A page that may store nothing still changes while it is open.
    const now = document.documentElement.dataset.theme || chosen;
    if (next) chosen = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  }
  document.documentElement.dataset.theme = chosen;
  $("theme").lastChild.textContent = chosen;
}

theme(false);
window.addEventListener("hashchange", drawAll);
drawAll();
bring();
requestAnimationFrame(() => performance.mark("shown"));
