/* Small comforts: quick tooltips, and an open page that keeps what its reader opened while it refreshes. */
"use strict";
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));

  const move = (event) => {
    const mark = event.target.closest && event.target.closest(".hit");
    if (!mark) { tip.hidden = true; return; }
    const title = mark.querySelector("title");
    if (title) { mark.dataset.tip = title.textContent; title.remove(); } /* else the browser's own slow tooltip shows as well */
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - box.width - 8);
    const below = event.clientY + 18 + box.height < window.innerHeight;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (below ? event.clientY + 18 : event.clientY - box.height - 12) + "px";
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerdown", move);
  document.addEventListener("scroll", () => { tip.hidden = true; }, true);

  let open = new Set(), focused = null, scrolled = new Map();
  const regions = () => document.querySelectorAll("#live .scroll");
  document.addEventListener("htmx:beforeSwap", () => {
    open = new Set([...document.querySelectorAll("#live details[open]")].map((one) => one.id));
    const active = document.activeElement;
    focused = active && active.closest("#live") ? active.id || (active.parentElement && active.parentElement.id) : null;
    scrolled = new Map([...regions()].map((one, index) => [index, one.scrollTop]));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) { const one = document.getElementById(id); if (one) one.open = true; }
    regions().forEach((one, index) => { one.scrollTop = scrolled.get(index) || 0; });
    const again = focused && document.getElementById(focused);
    if (again) (again.querySelector("summary") || again).focus({ preventScroll: true });
  });

  /* A button that does something asks for a reason first; then it calls the address that programs call. */
  const byId = (id) => document.getElementById(id);
  let asked = null;
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest && event.target.closest("button[data-url]");
    if (pressed) {
      asked = { ...pressed.dataset, id: pressed.id };
      byId("ask-title").textContent = asked.title;
      byId("ask-text").textContent = asked.text;
      byId("ask-problem").textContent = "";
      byId("ask-because").value = "";
      byId("ask-yes").textContent = asked.yes;
      byId("ask-yes").classList.toggle("grave", pressed.classList.contains("grave"));
      byId("ask").showModal();
      byId("ask-because").focus();
    } else if (event.target.id === "ask-no") {
      byId("ask").close();
    }
  });
  document.addEventListener("submit", async (event) => {
    if (!event.target.closest("#ask")) return;
    event.preventDefault();
    const yes = byId("ask-yes");
    yes.disabled = true;
    try {
      const body = JSON.stringify({ ...JSON.parse(asked.body), because: byId("ask-because").value });
      const answer = await fetch(asked.url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.ok) {
        byId("ask").close();
        htmx.trigger("#live", "refresh");
      } else {
        const told = await answer.json();
        byId("ask-problem").textContent = [told.detail, ...(told.faults || []).map((fault) => fault.path + " " + fault.message)].join(" ");
      }
    } catch (fault) {
      byId("ask-problem").textContent = byId("ask-problem").dataset.unreachable;
    } finally {
      yes.disabled = false;
    }
  });
  document.addEventListener("close", () => { const back = asked && byId(asked.id); if (back) back.focus(); }, true);

  const lost = (yes) => { const place = document.getElementById("lost"); const text = yes ? place.dataset.text : ""; if (place.textContent !== text) place.textContent = text; };
  document.addEventListener("htmx:sendError", () => lost(true));
  document.addEventListener("htmx:responseError", () => lost(true));
  document.addEventListener("htmx:afterOnLoad", () => lost(false));
})();
