// The pages work without this. With it, a page that is looked at stays as true as if it had just been loaded:
// when something happens, or a while has passed, the same page is fetched and its live parts are swapped.
"use strict";
(() => {
  const root = document.documentElement;
  const body = document.body;
  root.classList.add("script");

  // A sentence is said once: not again by a reload.
  const here = new URL(location.href);
  if (here.searchParams.has("said")) {
    here.searchParams.delete("said");
    history.replaceState(null, "", here);
  }

  // ---- The connection, and what is said of it.
  const lost = document.getElementById("lost");
  const tell = (words) => {
    if (lost.textContent !== words) lost.textContent = words;
    lost.hidden = !words;
  };

  // ---- Parts that are swapped.
  const changed = (field) => {
    if (field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") return [...field.options].some((one) => one.selected !== one.defaultSelected && one.defaultSelected);
    return "defaultValue" in field && field.value !== field.defaultValue;
  };
  // A click is one only where what was pressed is still there when it is let go.
  let pressed = null, withheld = false;
  addEventListener("pointerdown", ({ target }) => { pressed = target; }, true);
  addEventListener("keydown", ({ key }) => { if (key === " ") pressed = document.activeElement; }, true);
  const release = () => {
    pressed = null;
    if (withheld) anew(0);
    withheld = false;
  };
  // The click of a finger follows by itself.
  addEventListener("pointerup", ({ pointerType }) => setTimeout(release, pointerType === "mouse" ? 0 : 300), true);
  for (const end of ["pointercancel", "contextmenu", "keyup"]) addEventListener(end, () => setTimeout(release), true);
  addEventListener("blur", release);
  // Nothing is taken from under who presses, types, chooses or marks text.
  const isInUse = (part) => {
    if (pressed && part.contains(pressed)) return withheld = true;
    const marked = getSelection();
    if (marked && !marked.isCollapsed && part.contains(marked.anchorNode)) return true;
    const at = document.activeElement;
    if (part.contains(at) && at.matches("input, select, textarea")) return true;
    return [...part.querySelectorAll("input, select")].some(changed);
  };
  const named = (element) => {
    if (element.id) return `#${CSS.escape(element.id)}`;
    for (const name of ["href", "aria-label", "action"]) {
      if (element.hasAttribute(name)) return `${element.tagName}[${name}="${CSS.escape(element.getAttribute(name))}"]`;
    }
    return null;
  };
  const swap = (page) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === part.innerHTML || isInUse(part)) continue;
      const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
      const at = part.contains(document.activeElement) ? named(document.activeElement) : null;
      for (const id of open) {
        const again = fresh.querySelector(`#${CSS.escape(id)}`);
        if (again) again.open = true;
      }
      part.replaceChildren(...fresh.childNodes);
      if (at) part.querySelector(at)?.focus({ preventScroll: true });
    }
  };

  const EVERY = 1000;
  const idle = Number(body.dataset.refresh || 0);
  const delay = Number(body.dataset.delay || 0);
  let last = Date.now(), due = null, again = false, failures = 0;
  const soon = (wait) => {
    if (due !== null) { again = true; return; }
    due = setTimeout(refresh, Math.max(wait, last + EVERY - Date.now()));
  };
  // Whatever is due already: what happened waits for no idle moment.
  const anew = (wait) => {
    clearTimeout(due);
    due = null;
    soon(wait);
  };
  const later = () => {
    if (idle && due === null) due = setTimeout(refresh, failures ? Math.min(idle, 1000 * 2 ** failures) : idle);
  };
  async function refresh() {
    due = null;
    again = false;
    last = Date.now();
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
      if (answer.redirected) { tell("You are signed out. Load the page again to sign in."); return; }
      if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failures = 0;
      tell("");
    } catch {
      failures += 1;
      tell("Connection lost: what you see is as it was. Trying again.");
    }
    if (again) soon(delay); else later();
  }

  // ---- Events, as they happen. A page that nobody sees holds no connection.
  const log = document.getElementById("log");
  const wanted = body.dataset.events;
  let source = null, retry = null, wait = 1000, out = false;
  const happened = (message) => {
    let event;
    try { event = JSON.parse(message.data); } catch { return; }
    if (log) add(event);
    else if (wanted === "all" || wanted === event.mac) {
      anew(delay);
    }
  };
  const listen = () => {
    if (source || document.hidden || !(log || wanted)) return;
    source = new EventSource("/api/v1/events");
    source.onopen = () => { wait = 1000; out = false; tell(""); if (log) catchUp(); };
    // The daemon says that this page was too slow for some of what happened.
    source.addEventListener("lost", () => { if (log) catchUp(); else soon(delay); });
    source.onmessage = happened;
    source.onerror = () => {
      if (log && !out) tell("Connection lost: what you see is as it was. Trying again.");
      if (source.readyState !== EventSource.CLOSED) return;
      source = null;
      clearTimeout(retry);
      retry = setTimeout(() => { if (log) catchUp(); listen(); }, wait);
      wait = Math.min(wait * 2, 30000);
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
      clearTimeout(retry);
    } else {
      listen();
      if (idle) anew(0);
    }
  });

  // ---- The live log.
  const MOST = 500;
  const pause = document.getElementById("pause");
  const waiting = document.getElementById("waiting");
  let held = [], isPaused = false;
  const sorts = [...document.querySelectorAll("#log-filter option[data-kinds]")].map((one) => [one.value, one.dataset.kinds.split(" ")]);
  const sortOf = (kind) => sorts.find(([, kinds]) => kinds.includes(kind))?.[0] || "other";
  const element = (tag, text, attributes) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    return made;
  };
  function add(event) {
    const { mac, kind } = log.dataset;
    const sort = sortOf(event.kind);
    if ((mac && event.mac !== mac) || (kind && sort !== kind)) return;
    if (isPaused) {
      held.push(event);
      if (held.length > MOST) held.shift();
      waiting.textContent = `${held.length} waiting`;
      return;
    }
    const at = new Date(event.at);
    const iso = isNaN(at) ? String(event.at) : at.toISOString().replace(/\.\d+Z$/, "Z");
    const row = element("li", "", { class: sort });
    row.append(
      element("time", iso.slice(11, 19), { datetime: iso, title: iso }), " ",
      element("a", event.mac, { class: "mac", href: `/phones/${encodeURIComponent(event.mac)}` }), " ",
      element("span", event.kind, { class: "kind" }), " ",
      element("span", event.summary, { class: "what" }),
    );
    log.prepend(row);
    document.getElementById("log-empty").hidden = true;
    while (log.children.length > MOST) log.lastElementChild.remove();
  }
  // What was missed while nobody listened is on the page as the server makes it.
  async function catchUp() {
    if (isPaused) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
      if (answer.redirected) {
        out = true;
        tell("You are signed out: reload the page to sign in.");
        return;
      }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("log");
      if (fresh && fresh.innerHTML !== log.innerHTML && !isPaused) log.replaceChildren(...fresh.childNodes);
      document.getElementById("log-empty").hidden = log.children.length > 0;
    } catch { /* The stream says that the connection is lost. */ }
  }
  pause?.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    pause.textContent = isPaused ? "Go on" : "Pause";
    waiting.textContent = "";
    if (!isPaused) held.splice(0).forEach(add);
  });

  // ---- Progress of an upload. The answer is the page that the form would have led to.
  for (const form of document.querySelectorAll("form[data-upload]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const place = document.getElementById("upload");
      const [bar, words] = [place.querySelector("progress"), place.querySelector("span")];
      const button = form.querySelector("button");
      const request = new XMLHttpRequest();
      const done = (sentence) => { words.textContent = sentence; button.disabled = false; };
      place.hidden = false;
      button.disabled = true;
      words.textContent = "on its way";
      request.upload.onprogress = ({ loaded, total }) => {
        const percent = total ? Math.floor(loaded * 100 / total) : 0;
        bar.value = percent;
        words.textContent = percent < 100 ? `${percent} %` : "arrived; it is taken apart";
      };
      request.onload = () => {
        if (request.status >= 400) done(`it was not taken in (${request.status})`);
        else if (new URL(request.responseURL, location.href).pathname === "/login") done("you are signed out; nothing was taken in");
        else location.assign(request.responseURL || location.pathname);
      };
      request.onerror = () => done("the connection was lost; the list says what was taken in");
      request.open("POST", form.action);
      request.send(new FormData(form));
    });
  }

  listen();
  later();
})();
