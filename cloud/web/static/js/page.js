// What every page does by itself: local times, ages that tick, who acts, and saying aloud that an alert is new.
"use strict";

(() => {
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const known = new Set();
  let isFirstLook = true;

  function localise(root) {
    const today = new Date().toDateString();
    for (const element of root.querySelectorAll("time[datetime]")) {
      if (element.title) continue;
      const time = new Date(element.dateTime);
      element.title = element.textContent.trim();
      if (element.dataset.age !== undefined) continue;
      element.textContent = time.toDateString() === today ? clock.format(time) : `${day.format(time)} ${clock.format(time)}`;
    }
    tick();
  }

  function tick() {
    for (const element of document.querySelectorAll("time[data-age]")) {
      const text = `${age((Date.now() - Date.parse(element.dateTime)) / 1000)} ago`;
      if (element.textContent !== text) element.textContent = text;
    }
  }

  function age(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  }

  function announce() {
    const fresh = [];
    for (const element of document.querySelectorAll("[data-alert-id][data-status='open']")) {
      if (known.has(element.dataset.alertId)) continue;
      known.add(element.dataset.alertId);
      if (!isFirstLook) {
        element.classList.add("is-new");
        fresh.push(element.dataset.says);
      }
    }
    isFirstLook = false;
    if (fresh.length) document.getElementById("announcer").textContent = `New alert: ${fresh.join("; ")}`;
  }

  function look() {
    localise(document);
    announce();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const who = document.getElementById("who");
    if (who) {
      who.value = localStorage.getItem("who") ?? "";
      who.addEventListener("change", () => localStorage.setItem("who", who.value.trim()));
    }
    for (const select of document.querySelectorAll("select[data-submit]")) {
      select.addEventListener("change", () => select.form.requestSubmit());
    }
    look();
    setInterval(tick, 1000);
  });
  document.addEventListener("htmx:afterSettle", look);
  document.addEventListener("htmx:afterSwap", look);
  document.addEventListener("htmx:validation:halted", () => document.getElementById("who")?.reportValidity());
})();
