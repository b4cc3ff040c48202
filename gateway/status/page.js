// Keeps the status page live: replaces what has changed, and says which states did.
// Each event has the page's title, the states of upstreams, workers and Redis, and the HTML of each section.

const RECONNECT_MILLISECONDS = 5_000;
const SILENT_MILLISECONDS = 8_000;
const CHANGES_KEPT = 20;

const byId = (id) => document.getElementById(id);
const live = byId("live");
const pause = byId("pause");
let states = JSON.parse(document.body.dataset.states);
let paused = false;
let heard = 0;

function isSelectedIn(element) {
  const selection = getSelection();
  return !selection.isCollapsed && element.contains(selection.anchorNode);
}

function sayChange(name, before, after) {
  const item = document.createElement("li");
  item.textContent = `${new Date().toISOString().slice(11, 19)} ${name}: ${before} → ${after}`;
  byId("changes-title").hidden = false;
  byId("log").prepend(item);
  while (byId("log").children.length > CHANGES_KEPT) byId("log").lastChild.remove();
}

function show(event) {
  heard = Date.now();
  live.textContent = "Live, as of";
  live.className = "";
  for (const [name, state] of Object.entries(event.states)) {
    if (states[name] !== state) sayChange(name, states[name] ?? "new", state);
  }
  for (const name of Object.keys(states)) if (!(name in event.states)) sayChange(name, states[name], "gone");
  states = event.states;
  if (paused) return;
  document.title = event.title;
  byId("at").textContent = `${new Date().toISOString().slice(0, 19)}Z`;
  for (const [id, html] of Object.entries(event.sections)) {
    const element = byId(id);
    // What somebody is copying stays as it is.
    if (shown.get(id) !== html && !isSelectedIn(element)) {
      element.innerHTML = html;
      shown.set(id, html);
    }
  }
}

function warn() {
  live.textContent = "Not live. Last heard at";
  live.className = "stale";
}

function connect() {
  const source = new EventSource("/status/events?form=page");
  source.onmessage = ({ data }) => show(JSON.parse(data));
  source.onerror = () => {
    warn();
    // A refusal closes it for good; a broken connection it makes anew by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_MILLISECONDS);
  };
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume" : "Pause";
});
const shown = new Map();
setInterval(() => {
  if (heard && Date.now() - heard > SILENT_MILLISECONDS) warn();
}, 1_000);
connect();
