// The one script of the desk. Every page works without it: links, forms and reload do the same.
//
// Live pages: one tab of the browser, the leader, holds an event stream that only says "changed". Each visible tab then
// reads its own page again and patches the regions marked data-live in place. Browsers open six connections to a server,
// so a stream in each of seven tabs would leave none for pages. A control that a person holds is never touched.

const root = document.documentElement;
const pulse = document.getElementById("desk-pulse");
const STREAM = new URL("../events", import.meta.url);
const SHORTEST_REST_MS = 1000;
const RELOAD_MS = 5000;
const PREVIEW_MS = 300;
const LONGEST_ACT_MS = 60000;

// ---- What a person holds

const isDirty = (control) => {
  if (control.matches("[type=checkbox], [type=radio]")) return control.checked !== control.defaultChecked;
  if (control.matches("select")) {
    const options = [...control.options];
    if (control.multiple) return options.some((each) => each.selected !== each.defaultSelected);
    return control.selectedIndex !== Math.max(0, options.findLastIndex((each) => each.defaultSelected));
  }
  return control.type !== "hidden" && control.value !== control.defaultValue;
};
const isHeld = (node) =>
  node.matches("input, textarea, select") && (node === document.activeElement || isDirty(node));
const isSelected = (node) => {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
};
const holdsAny = (node) =>
  isSelected(node) ||
  [node, ...node.querySelectorAll("input, textarea, select")].some(isHeld) ||
  node.querySelector("dialog[open]") !== null;

// ---- Patching: `mine` is in the document, `wanted` in the page as it is now

let leftOut = false; // something was held, so the document is not yet the page that was read

function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
  const own = node.id || node.dataset.live || node.getAttribute("href");
  if (own) return `${node.nodeName} ${own}`;
  if (node.matches("input, textarea, select, button")) {
    const choice = node.matches("input:not([type=checkbox], [type=radio], [type=hidden]), textarea, select");
    return `${node.nodeName} ${node.name} ${choice ? "" : node.getAttribute("value")}`;
  }
  // A row is known by what it links to, or acts on: a tick must not move to another row.
  const named = node.matches("tr, li") && node.querySelector("[id], [href], [name][value]");
  return named ? `${node.nodeName} ${keyOf(named)}` : node.nodeName;
}

function patch(mine, wanted) {
  if (mine.isEqualNode(wanted)) return;
  if (mine.nodeType !== Node.ELEMENT_NODE) {
    if (isSelected(mine)) leftOut = true;
    else mine.data = wanted.data;
    return;
  }
  if (isHeld(mine)) {
    leftOut = true;
    return;
  }
  for (const { name } of [...mine.attributes]) {
    if (name !== "open" && !wanted.hasAttribute(name)) mine.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (name !== "open" && mine.getAttribute(name) !== value) mine.setAttribute(name, value);
  }
  patchChildren(mine, wanted);
}

function patchChildren(mine, wanted) {
  const unused = new Map();
  for (const child of mine.childNodes) {
    const key = keyOf(child);
    unused.set(key, [...(unused.get(key) ?? []), child]);
  }
  const pairs = [...wanted.childNodes].map((child) => [child, unused.get(keyOf(child))?.shift()]);
  for (const gone of [...unused.values()].flat()) {
    if (gone.nodeType === Node.ELEMENT_NODE && (gone.contains(document.activeElement) || holdsAny(gone))) leftOut = true;
    else gone.remove();
  }
  let at = mine.firstChild;
  for (const [child, partner] of pairs) {
    if (!partner) mine.insertBefore(document.importNode(child, true), at);
    else {
      if (partner === at) at = at.nextSibling;
      else if (mine.moveBefore) mine.moveBefore(partner, at);
      else mine.insertBefore(partner, at);
      patch(partner, child);
    }
  }
}

function patchRegions(page, isWanted) {
  for (const region of document.querySelectorAll("[data-live]")) {
    const name = region.dataset.live;
    const now = isWanted(name) && page.querySelector(`[data-live="${CSS.escape(name)}"]`);
    if (now) patch(region, now);
  }
}

// ---- Reading a page. XMLHttpRequest makes a document of it without any text that Trusted Types would have to trust.

function read(address, { etag = "", form = null, signal = null } = {}) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(form ? "POST" : "GET", address);
    request.responseType = "document";
    if (etag) request.setRequestHeader("If-None-Match", etag);
    request.onloadend = () => resolve(request);
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// ---- Keeping this tab up to date

const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: root.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const previewed = new Set(); // regions that show what a form would do: the page itself does not know that
let etag = "";
let isReading = false;
let isAsked = false;
let leavesUntil = 0; // a form was sent, or a link followed: a reload now would cut that off

const isLeaving = () => performance.now() < leavesUntil;
addEventListener("beforeunload", () => (leavesUntil = performance.now() + LONGEST_ACT_MS));
addEventListener("pageshow", () => (leavesUntil = 0));

function say(words, isWarning = false) {
  if (pulse.textContent === words) return;
  pulse.role = isWarning ? "status" : null;
  pulse.classList.toggle("offline", isWarning);
  pulse.textContent = words;
}
function sayOffline() {
  if (!pulse.classList.contains("offline")) say(`Offline since ${clock.format(new Date())}`, true);
}

async function refresh() {
  isAsked = true;
  if (isReading || isLeaving() || document.hidden) return;
  isAsked = false;
  isReading = true;
  const began = performance.now();
  const reply = await read(location.href, { etag });
  if (isLeaving()) isAsked = true;
  else if (reply.status === 0 || reply.status >= 500) sayOffline();
  else if (reply.status === 304) say("Live");
  else if (reply.status !== 200 || new URL(reply.responseURL).pathname !== location.pathname) leave();
  else {
    leftOut = false;
    patchRegions(reply.response, (name) => !previewed.has(name));
    etag = leftOut ? "" : reply.getResponseHeader("ETag");
    say("Live");
  }
  // A server that is slow is asked less often.
  setTimeout(() => {
    isReading = false;
    if (isAsked) refresh();
  }, Math.max(SHORTEST_REST_MS, 10 * (performance.now() - began)));
}

function leave() {
  // The session ended, or the thing is gone: the server's own page says so. Nothing half typed is lost for it.
  if (holdsAny(document.body)) say("This page is out of date. Reload it.", true);
  else location.reload();
}

function followByReload() {
  say("Reloading every 5 s");
  setInterval(() => {
    if (!document.hidden && !holdsAny(document.body) && !document.querySelector("details[open]")) location.reload();
  }, RELOAD_MS);
}

function followByStream() {
  const channel = new BroadcastChannel(STREAM.pathname);
  let stop = null;
  const hear = (word) => (word === "changed" ? refresh() : word === "offline" && sayOffline());
  const tell = (word) => {
    channel.postMessage(word);
    hear(word);
  };
  channel.onmessage = (event) => hear(event.data);

  const lead = (end) =>
    new Promise((resolve) => {
      let source = null;
      let timer = 0;
      const open = () => {
        source = new EventSource(STREAM);
        source.onopen = source.onmessage = () => tell("changed");
        source.onerror = () => {
          tell("offline");
          if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RELOAD_MS);
        };
      };
      open();
      end.addEventListener("abort", () => {
        clearTimeout(timer);
        source.close();
        resolve();
      });
    });
  async function begin() {
    if (stop !== null || document.hidden) return;
    stop = new AbortController();
    const { signal } = stop;
    // The leader reads its page when its stream opens; another tab now: it heard no change since its page was made.
    const { held } = await navigator.locks.query();
    if (held.some((lock) => lock.name === STREAM.pathname)) refresh();
    if (signal.aborted) return;
    try {
      await navigator.locks.request(STREAM.pathname, { signal }, () => lead(signal));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
  function end() {
    stop?.abort();
    stop = null;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  addEventListener("pagehide", end);
  addEventListener("pageshow", begin);
  begin();
}

function follow() {
  // After an act the address still has its sentence; a reload is not to say it again.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(history.state, "", address);
  }
  const canShare = navigator.locks && "BroadcastChannel" in window && "EventSource" in window;
  if (canShare) followByStream();
  else followByReload();
}

// ---- Forms that show what they would do

function preview(form) {
  let timer = 0;
  let last = new AbortController();
  const show = async () => {
    last.abort();
    const own = (last = new AbortController());
    const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    const reply = await read(form.dataset.preview, { form: fields, signal: own.signal });
    if (own.signal.aborted || !reply.response) return;
    // What it returns is a page: its main part is about the form, and the rest is that of every page.
    for (const region of reply.response.querySelectorAll("main [data-live]")) previewed.add(region.dataset.live);
    patchRegions(reply.response, (name) => previewed.has(name));
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, PREVIEW_MS);
  });
}

// ---- Keys, and the reader's own zone

function takeKeys(dialog) {
  const switchedOff = document.getElementById("desk-keys-off");
  switchedOff.checked = switchedOff.defaultChecked = localStorage.getItem("keys") === "off";
  switchedOff.addEventListener("change", () => localStorage.setItem("keys", switchedOff.checked ? "off" : "on"));
  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (isTyping || dialog.open || switchedOff.checked || event.ctrlKey || event.altKey || event.metaKey) return;
    const place = isGoing && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    isGoing = event.key === "g";
    if (place) place.click();
    else if (event.key === "/") document.getElementById("desk-search").focus();
    else if (event.key === "?") dialog.showModal();
    else return;
    event.preventDefault();
  });
}

function offerOwnZone(select) {
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...select.options].find((each) => each.value === own);
  if (known) known.text = own === "UTC" ? "UTC" : `mine: ${own}`;
  else select.append(new Option(`mine: ${own}`, own));
}

root.classList.add("scripted");
const keys = document.getElementById("desk-keys");
if (keys) takeKeys(keys);
const zones = document.getElementById("desk-zone");
if (zones) offerOwnZone(zones);
document.querySelectorAll("form[data-preview]").forEach(preview);
if ("followed" in root.dataset) follow();
