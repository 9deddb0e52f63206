// A file that somebody chooses is put into a text area, to be looked at before it is sent.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const input of document.querySelectorAll("input[type=file][data-fills]")) {
    input.addEventListener("change", async () => {
      const area = document.getElementById(input.dataset.fills);
      if (input.files.length && area) area.value = await input.files[0].text();
    });
  }
});
