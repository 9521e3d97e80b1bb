"use strict";
// Shows the row that the server asks about and sends back what is decided. Texts of rows are only
// ever put in as text.

const at = id => document.getElementById(id);
const MOST_MATCHES = 12;
const KEYS = [
  ["Enter", "right as it is"], ["1-9", "that label"], ["/", "another label, by its name"],
  ["e", "write the answer anew"], ["w", "swap which one is right"], ["x", "leave the row out"],
  ["s", "skip it for now"], ["u", "take the last decision back"], ["?", "these keys"],
  ["q", "finish"],
];
let state = null, chosen = new Set(), isBusy = false, isGone = false;

function made(tag, text = "", name = "") {
  const found = document.createElement(tag);
  found.textContent = text;
  if (name) found.className = name;
  return found;
}

function button(key, text, act, name = "") {
  const found = made("button", "", name);
  found.type = "button";
  if (key) found.append(made("kbd", key));
  found.append(text);
  found.addEventListener("click", act);
  return found;
}

function complain(text) {
  at("error").textContent = text;
  at("error").hidden = !text;
}

async function ask(path, body) {
  if (isBusy || isGone) return;
  isBusy = true;
  try {
    const sent = body && {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    };
    const reply = await fetch(path, sent || {});
    const found = await reply.json();
    if (found.error) { complain(found.error); return; }
    complain("");
    if (body && body.what === "finish") { gone(found); return; }
    state = found;
    show();
  } catch {
    complain("Luthier no longer answers. What was decided is in the file; start it again to go on.");
  } finally {
    isBusy = false;
  }
}

const act = (what, more = {}) => ask("act", {what, number: state.number, ...more});

function gone(found) {
  isGone = true;
  state = found;
  ended("Finished", []);
}

function counted(number, word) { return `${number} ${word}${number === 1 ? "" : "s"}`; }

function show() {
  const item = state.item, done = state.asked - state.left;
  at("bar").max = Math.max(state.asked, 1);
  at("bar").value = done;
  const place = item ? `${done + 1} of ${state.asked}` : `${state.asked} of ${state.asked}`;
  at("progress").textContent =
    `${place} · ${counted(state.decided, "decision")} now, ${state.in_file} in ${state.file}`;
  at("row").hidden = !item;
  at("end").hidden = Boolean(item);
  close();
  if (!item) {
    ended("That was the last row", [
      button("Enter", "finish", () => act("finish"), "main"),
      button("u", "take the last decision back", () => act("undo")),
    ]);
    return;
  }
  chosen = new Set(item.labels);
  at("origin").textContent = item.origin;
  at("given").hidden = item.has_picture;
  at("given").textContent = item.given;
  at("given").scrollTop = 0;
  at("picture").hidden = !item.has_picture;
  if (item.has_picture) at("picture").src = `picture/${state.number}`;
  at("why").textContent = item.why;
  at("why").hidden = !item.why;
  showAnswers(item);
  showChoices(item);
  showActions(item);
  showNear(item);
  window.scrollTo(0, 0);
}

function showAnswers(item) {
  const both = item.swapped && item.kind === "preference";
  const name = both ? "chosen" : item.can.includes("answer") ? "answer" : "as it is";
  const parts = [[name, item.target, ""]];
  if (both) parts.push(["rejected", item.swapped, "other"]);
  at("answers").replaceChildren(...parts.filter(part => part[1]).map(([name, text, kind]) => {
    const found = made("div", "", kind);
    found.append(made("h2", name), made("pre", text));
    return found;
  }));
}

function showChoices(item) {
  at("choices").replaceChildren(...item.choices.map(({label, share}, index) => {
    const found = made("li"), key = button(String(index + 1), label, () => choose(label));
    if (share >= 0.005) key.append(made("span", `${Math.round(share * 100)} %`, "quiet"));
    if (item.can.includes("labels")) key.setAttribute("aria-pressed", String(chosen.has(label)));
    found.append(key);
    return found;
  }));
}

function showActions(item) {
  const can = what => item.can.includes(what);
  const found = [button("Enter", "right as it is", confirm, "main")];
  if (can("label") || can("labels")) found.push(button("/", "another label", search));
  if (can("answer")) found.push(button("e", "edit the answer", edit));
  if (can("swap")) found.push(button("w", item.kind === "preference" ? "swap" : item.swapped, swap));
  found.push(
    button("x", "leave out", () => act("drop")), button("s", "skip", () => act("skip")),
    button("u", "undo", () => act("undo")), button("?", "keys", help),
    button("q", "finish", () => act("finish")),
  );
  at("actions").replaceChildren(...found);
}

function showNear(item) {
  at("near").hidden = !item.near.length;
  at("near").replaceChildren(...item.near.map(({label, rows}) => {
    const part = made("div"), list = made("ul", "", "plain");
    list.append(...rows.map(row => {
      const line = made("li", row.text);
      line.append(made("span", row.origin, "quiet"));
      return line;
    }));
    part.append(made("h2", `most like it among “${label}”`), list);
    return part;
  }));
}

function ended(title, buttons) {
  at("row").hidden = true;
  at("end").hidden = false;
  at("ended").textContent = title;
  at("summary").textContent =
    `${counted(state.decided, "decision")} in this sitting, ${counted(state.skipped, "row")} skipped, `
    + `${state.left} left. ${state.file} holds ${counted(state.in_file, "decision")}. `
    + (isGone ? "You can close this page. " : "") + (state.in_file ? "To train with them:" : "");
  at("setting").textContent = state.in_file ? state.setting : "";
  at("last").replaceChildren(...buttons);
  at("last").hidden = !buttons.length;
}

function confirm() {
  const item = state.item;
  const isChanged = item.can.includes("labels")
    && (chosen.size !== item.labels.length || item.labels.some(label => !chosen.has(label)));
  if (isChanged) act("labels", {value: [...chosen], new: true});
  else act("confirmed");
}

function choose(label, isNew = false) {
  if (!state.item.can.includes("labels")) { act("label", {value: label, new: isNew}); return; }
  if (chosen.has(label)) chosen.delete(label); else chosen.add(label);
  if (!state.item.choices.some(one => one.label === label)) state.item.choices.push({label, share: 0});
  close();
  showChoices(state.item);
}

const swap = () => act("swap");

function edit() {
  at("edit").hidden = false;
  at("text").value = state.item.target;
  at("text").focus();
}

function search() {
  at("search").hidden = false;
  at("name").value = "";
  match();
  at("name").focus();
}

function close() {
  at("edit").hidden = at("search").hidden = true;
  if (document.activeElement) document.activeElement.blur();
}

function matches() {
  const said = at("name").value.trim().toLowerCase();
  const rank = label => (label.toLowerCase().startsWith(said) ? 0 : 1);
  return state.item.all_labels
    .filter(label => label.toLowerCase().includes(said))
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, MOST_MATCHES);
}

function match() {
  const said = at("name").value.trim(), found = matches();
  const buttons = found.map(label => button("", label, () => choose(label)));
  if (said && !state.item.all_labels.includes(said)) {
    buttons.push(button(found.length ? "" : "Enter twice", `new label: ${said}`, () => choose(said, true)));
  }
  at("matches").replaceChildren(...buttons.map(one => { const li = made("li"); li.append(one); return li; }));
}

function help() {
  const rows = KEYS.map(([key, text]) => {
    const found = made("div");
    found.append(made("dt", key), made("dd", text));
    return found;
  });
  at("list").replaceChildren(...rows);
  at("help").showModal();
}

let meant = "";
at("search").addEventListener("submit", event => {
  event.preventDefault();
  const said = at("name").value.trim(), found = matches();
  const exact = found.find(label => label === said);
  if (said && found.length) choose(exact || found[0]);
  else if (said && meant === said) { meant = ""; choose(said, true); }
  else meant = said; // a label that no row has is made by a second Enter
});
at("edit").addEventListener("submit", event => event.preventDefault());
at("name").addEventListener("input", match);
at("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) act("answer", {value: at("text").value});
});

const PRESSED = {
  Enter: confirm, "/": () => isTold("label", "labels") && search(), e: () => isTold("answer") && edit(),
  w: () => isTold("swap") && swap(), x: () => act("drop"), s: () => act("skip"),
  u: () => act("undo"), q: () => act("finish"), "?": help,
};
const isTold = (...what) => what.some(one => state.item.can.includes(one));

document.addEventListener("keydown", event => {
  if (!state || isGone || at("help").open || event.repeat) return;
  if (event.key === "Escape") { close(); return; }
  const isTyping = ["INPUT", "TEXTAREA"].includes(event.target.tagName);
  const isButton = event.target.tagName === "BUTTON" && event.key === "Enter";
  if (isTyping || isButton || event.ctrlKey || event.metaKey || event.altKey) return;
  const digit = Number(event.key);
  const choice = state.item && digit >= 1 && state.item.choices[digit - 1];
  let press = PRESSED[event.key];
  if (!state.item) press = {Enter: () => act("finish"), u: PRESSED.u, q: PRESSED.q, "?": help}[event.key];
  if (choice) press = () => choose(choice.label);
  if (press) { event.preventDefault(); press(); }
});

ask("state");
