"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const sheet = JSON.parse(byId("sheet").textContent);
  const blocks = Array.from(document.querySelectorAll(".distractor"));
  const radios = blocks.map((block) => Array.from(block.querySelectorAll("input[type=radio]")));
  const comments = blocks.map((block) => block.querySelector("input[type=text]"));
  let current = 0;

  // ---- what is filled in

  function verdictOf(row) {
    const checked = radios[row].find((radio) => radio.checked);
    return checked ? checked.value : "";
  }

  function setVerdict(row, verdict) {
    for (const radio of radios[row]) radio.checked = radio.value === verdict;
    update();
  }

  function update() {
    let judged = 0;
    blocks.forEach((block, row) => {
      const verdict = verdictOf(row);
      block.classList.toggle("judged", verdict !== "");
      judged += verdict !== "" ? 1 : 0;
    });
    byId("progress").max = blocks.length;
    byId("progress").value = judged;
    byId("count").textContent = `${judged} of ${blocks.length} judged`;
    keep();
  }

  // ---- kept by the browser

  function keep() {
    const filled = blocks.map((_, row) => [verdictOf(row), comments[row].value]);
    try {
      localStorage.setItem(sheet.storage, JSON.stringify(filled));
    } catch (error) {
      byId("unkept").hidden = false;
    }
  }

  function restore() {
    let filled = null;
    try {
      filled = JSON.parse(localStorage.getItem(sheet.storage));
    } catch (error) {
      byId("unkept").hidden = false;
    }
    (filled || []).forEach(([verdict, comment], row) => {
      for (const radio of radios[row]) radio.checked = radio.value === verdict;
      comments[row].value = comment;
    });
  }

  // ---- the sheet; the same rules as in sheet.py

  function cell(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function guard(text) {
    return /^'*[=+\-@\t\r\n]/.test(text) ? "'" + text : text;
  }

  function toCsv() {
    const verdictAt = sheet.columns.indexOf("verdict");
    const commentAt = sheet.columns.indexOf("comment");
    const rows = sheet.rows.map((cells, row) => {
      const filled = cells.slice();
      filled[verdictAt] = verdictOf(row);
      filled[commentAt] = guard(comments[row].value);
      return filled;
    });
    return "\ufeff" + [sheet.columns, ...rows].map((cells) => cells.map(cell).join(",") + "\r\n").join("");
  }

  function download() {
    const address = URL.createObjectURL(new Blob([toCsv()], { type: "text/csv;charset=utf-8" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = sheet.file;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // ---- moving

  function mark(row) {
    blocks[current].classList.remove("current");
    current = row;
    blocks[current].classList.add("current");
  }

  function moveTo(row) {
    if (row < 0 || row >= blocks.length) return;
    const another = blocks[row].closest(".question") !== blocks[current].closest(".question");
    mark(row);
    if (another) blocks[row].closest(".question").scrollIntoView({ block: "start" });
    blocks[row].scrollIntoView({ block: "nearest" });
    (radios[row].find((radio) => radio.checked) || radios[row][0]).focus({ preventScroll: true });
  }

  function moveToOpen() {
    for (let step = 1; step <= blocks.length; step += 1) {
      const row = (current + step) % blocks.length;
      if (verdictOf(row) === "") return moveTo(row);
    }
  }

  function judge(verdict) {
    setVerdict(current, verdict);
    moveTo(current + 1);
  }

  const keys = {
    0: () => setVerdict(current, ""),
    j: () => moveTo(current + 1),
    k: () => moveTo(current - 1),
    ArrowDown: () => moveTo(current + 1),
    ArrowUp: () => moveTo(current - 1),
    n: moveToOpen,
    c: () => comments[current].focus(),
  };
  sheet.verdicts.forEach((verdict, place) => { keys[place + 1] = () => judge(verdict); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.className === "comment") {
      if (event.key === "Escape" || event.key === "Enter") radios[current][0].focus({ preventScroll: true });
      return;
    }
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  blocks.forEach((block, row) => {
    block.addEventListener("focusin", () => mark(row));
    block.addEventListener("click", () => mark(row));
    block.addEventListener("change", update);
    comments[row].addEventListener("input", keep);
    block.querySelector(".clear").addEventListener("click", () => setVerdict(row, ""));
  });
  byId("next").addEventListener("click", moveToOpen);
  byId("download").addEventListener("click", download);
  restore();
  update();
  mark(0);
})();
