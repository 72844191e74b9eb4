/* What the inbox does beyond its forms: rows that come and go, and keys. Without it all can be decided too. */
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const rows = () => [...document.querySelectorAll("#rows > li")];

  // The list or a review, live. A stream tells how they are now, so hearing it twice does no harm.

  let stream = null;
  let last = 0;
  let pause = 5000;

  function listen() {
    const live = byId("live") ?? byId("watch");
    stream?.close();
    if (!live) return;
    const address = new URL(live.dataset.stream, location.href);
    if (last) address.searchParams.set("after", last);
    const source = (stream = new EventSource(address));
    const on = (kind, act) =>
      source.addEventListener(kind, (event) => {
        if (source !== stream) return;
        last = event.lastEventId || last;
        act(JSON.parse(event.data));
        recount();
      });
    on("row", ({ html }) => put(html));
    on("gone", ({ id }) => remove(byId(`review-${id}`)));
    on("state", ({ html }) => stands(html));
    on("behind", () => location.reload());
    on("paused", () => source.close());
    on("ended", () => {
      source.close();
      byId("ended").hidden = false;
    });
    source.addEventListener("open", () => (pause = 5000));
    source.addEventListener("error", () => {
      if (source !== stream || source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => source === stream && listen(), pause);
      pause = Math.min(2 * pause, 60000);
    });
  }

  document.addEventListener("visibilitychange", () => {
    const isClosed = stream?.readyState === EventSource.CLOSED;
    if (!document.hidden && isClosed && byId("ended").hidden) listen();
  });

  /* A row takes its place; its tick stays where it still means the same, and so does the focus. */
  function put(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const row = made.content.firstElementChild;
    const before = byId(row.id);
    const next = rows().find((each) => each !== before && each.dataset.place > row.dataset.place);
    const list = byId("rows");
    if (!before && !next && byId("more").children.length) return; // it stands on a later page
    if (!before && next === rows()[0] && !("first" in list.dataset)) return; // or an earlier one
    const focused = before?.contains(document.activeElement) && document.activeElement.tagName;
    const tick = before && box(before);
    box(row).checked = Boolean(tick?.checked && tick.value === box(row).value);
    row.toggleAttribute("data-here", Boolean(before?.hasAttribute("data-here")));
    if (before) before.replaceWith(row);
    else tell(`New: ${row.querySelector("a").textContent}`);
    if (row.nextElementSibling !== (next ?? null) || !before) list.insertBefore(row, next ?? null);
    if (focused) row.querySelector(focused)?.focus({ preventScroll: true });
  }

  function remove(row) {
    if (!row) return;
    const beside = row.nextElementSibling ?? row.previousElementSibling;
    const isFocused = row.contains(document.activeElement);
    const isHere = row.hasAttribute("data-here");
    tell(`Gone: ${row.querySelector("a").textContent}`);
    row.remove();
    if (beside && (isFocused || isHere)) stand(beside, isFocused);
  }

  /* How a review stands by now; what was written in its form stays, and is sent if it still may be. */
  function stands(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const [now, before] = [made.content.querySelector("#state"), byId("state")];
    if (now.innerHTML.trim() === before.innerHTML.trim()) return;
    const mayDecide = "mayDecide" in now.dataset;
    const form = document.querySelector('[aria-labelledby="answer"] form[data-decides]');
    const buttons = [...document.querySelectorAll('[aria-labelledby="answer"] button:not([hidden])')];
    const wasFocused = buttons.includes(document.activeElement);
    before.replaceWith(now);
    for (const each of buttons) each.disabled = !mayDecide;
    byId("kept").hidden = mayDecide || !form;
    if (byId("again")) byId("again").hidden = !mayDecide;
    if (wasFocused && !mayDecide) now.focus();
    tell(now.textContent.trim().replace(/\s+/g, " "));
  }

  function tell(text) {
    byId("news").textContent = text;
  }

  function recount() {
    if (!byId("rows")) return;
    const beyond = byId("more").children.length || !("first" in byId("rows").dataset) ? "+" : "";
    document.title = `(${rows().length}${beyond}) Inbox`;
    const count = document.querySelector("#live [data-count]");
    if (count) count.textContent = beyond ? count.textContent : rows().length;
    byId("nothing").hidden = rows().length > 0;
    offer();
    byId("bulk").classList.toggle("idle", rows().length === 0);
    const ticked = rows().filter((row) => box(row).checked).length;
    byId("selected").textContent = ticked ? `: ${ticked} selected` : "";
    if (ticked) byId("several").open = true;
  }

  /* Rows that came since the page was drawn may have answers that the menu lacks. */
  function offer() {
    const menu = byId("choice");
    const known = new Set([...menu.options].map((each) => each.value));
    for (const value of rows().flatMap((row) => JSON.parse(row.dataset.choices))) {
      if (!known.has(value)) menu.add(new Option(value, value));
      known.add(value);
    }
  }

  /* How long each has waited, by this browser's clock and the time of the page. */
  function age() {
    for (const each of document.querySelectorAll("[data-since]")) {
      const minutes = Math.floor((Date.now() - Date.parse(each.dataset.since)) / 60000);
      const unit = [[1440, "day"], [60, "hour"], [1, "minute"]].find(([size]) => minutes >= size);
      const count = unit && Math.floor(minutes / unit[0]);
      if (unit) each.textContent = `${count} ${unit[1]}${count > 1 ? "s" : ""}`;
    }
  }

  // Keys bring one to a row, a field or a button. None of them decides.

  const KEYS_OFF = "inbox.keys-off";
  let areKeysOff = false; // where a browser keeps nothing, at least until the page is left
  try {
    areKeysOff = Boolean(localStorage.getItem(KEYS_OFF));
  } catch {}
  const box = (row) => row.querySelector("input[type=checkbox]");
  const here = () => document.querySelector("#rows > li[data-here]");

  function stand(row, withFocus = true) {
    here()?.removeAttribute("data-here");
    row.setAttribute("data-here", "");
    if (withFocus) row.querySelector("a").focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  }

  function step(by) {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(here());
    return stand(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
  }

  function select(row, isSelected = !box(row).checked) {
    box(row).checked = isSelected;
    recount();
    return true;
  }

  function open(hash = "") {
    if (!here()) return false;
    location.assign(here().querySelector("a").href + hash);
    return true;
  }

  /* In the list: what is selected, or the row one stands at, with that answer; then the button. */
  function answerRows(answer, field) {
    if (!rows().some((row) => box(row).checked)) {
      if (!here()) return false;
      select(here(), true);
    }
    byId("choice").value = answer;
    byId(field).focus();
    return true;
  }

  function answerOne(answer, toWords) {
    const buttons = [...document.querySelectorAll("button[name=choice]")];
    const button = buttons.find((each) => each.value === answer) ?? buttons[0];
    for (const each of buttons) each.classList.toggle("chosen", each === button);
    const target = (toWords && byId("feedback")) || button;
    target?.focus();
    return Boolean(target);
  }

  function edit() {
    const details = byId("own-text");
    if (!details) return false;
    details.open = true;
    byId("edited_output").focus();
    return true;
  }

  const answer = (which, toWords) =>
    byId("rows")
      ? answerRows(which, toWords ? "feedback" : "decide")
      : answerOne(which, toWords);

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    x: () => Boolean(here()) && select(here()),
    a: () => answer("approve", false),
    r: () => answer("reject", true),
    e: () => (byId("rows") ? open("#edit") : edit()),
    "?": () => byId("keys").showModal() ?? true,
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping) return;
    if (event.key === "Enter" && event.target.matches("#rows input")) {
      stand(event.target.closest("li"));
      open();
      event.preventDefault();
    } else if (!areKeysOff && KEYS[event.key]?.()) {
      event.preventDefault();
    }
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("#rows > li");
    if (row && row !== here()) stand(row, false);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("#rows input")) recount();
    if (event.target.id === "keys-on") {
      areKeysOff = !event.target.checked;
      try {
        localStorage.setItem(KEYS_OFF, areKeysOff ? "yes" : "");
      } catch {}
    }
  });

  document.addEventListener("input", (event) => {
    // Whoever changes the text means it.
    if (event.target.id === "edited_output") document.querySelector("[name=edit]").checked = true;
  });

  // htmx: another choice of rows is another stream; a page that is not the list is gone to.

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.responseText.includes('id="live"')) return;
    event.detail.shouldSwap = false;
    location.assign(xhr.responseURL);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "live") {
      last = 0;
      listen();
    }
    recount();
  });

  byId("show-keys").hidden = false;
  byId("show-keys").addEventListener("click", () => byId("keys").showModal());
  byId("keys-on").checked = !areKeysOff;
  if (location.hash === "#edit") edit(); // no id: browsers take the focus to what has it
  listen();
  recount();
  setInterval(age, 60000);
})();
