// Uses the page as a person would and leaves what it became in <pre id="result">. Runs in browsers and in small_dom.js.
(async () => {
  const press = (key) =>
    (document.activeElement || document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const write = (row, text) => {
    const comment = blocks[row].querySelector("input[type=text]");
    comment.value = text;
    comment.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const current = () => blocks.findIndex((block) => block.classList.contains("current"));
  const blocks = Array.from(document.querySelectorAll(".distractor"));
  const saved = {};
  URL.createObjectURL = (blob) => { saved.blob = blob; return "blob:saved"; };
  HTMLAnchorElement.prototype.click = function () { saved.name = this.download; };
  const sheetHex = async () => {
    document.getElementById("download").click();
    const bytes = new Uint8Array(await saved.blob.arrayBuffer());
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const result = { count: [document.getElementById("count").textContent], places: [], untouched: await sheetHex() };

  // A click marks what is clicked; the next key is about that one.
  blocks[1].querySelectorAll("input[type=radio]")[1].click();
  result.places.push(current());
  press("ArrowDown");
  result.places.push(current());
  press("3");
  press("1");
  result.places.push(current());
  result.count.push(document.getElementById("count").textContent);
  // Another mind about the same one, and a verdict taken back by key and by button.
  press("k");
  press("2");
  press("1");
  press("ArrowUp");
  press("0");
  press("5");
  result.places.push(current());
  blocks[6].querySelectorAll("input[type=radio]")[2].click();
  blocks[6].querySelector(".clear").click();
  blocks[0].click();
  press("n");
  result.places.push(current());
  // Keys in a comment are its letters.
  press("c");
  result.commenting = document.activeElement === blocks[current()].querySelector("input[type=text]");
  press("1");
  write(current(), '=cmd, "so; and\u2014so"');
  press("Escape");
  result.places.push(current());
  press("3");
  document.getElementById("next").click();
  result.places.push(current());
  // Past the last one is nowhere.
  for (let step = 0; step < 20; step += 1) press("j");
  result.places.push(current());
  write(11, "-5 <b>");
  result.count.push(document.getElementById("count").textContent);
  result.progress = document.getElementById("progress").value / document.getElementById("progress").max;
  result.sheet = await sheetHex();
  result.name = saved.name;
  result.unkept = !document.getElementById("unkept").hidden;
  try { result.kept = Object.keys(localStorage).filter((key) => key.startsWith("llavaction-audit-")).length; }
  catch (error) { result.kept = 0; }
  const shown = document.createElement("pre");
  shown.id = "result";
  shown.textContent = JSON.stringify(result);
  document.body.append(shown);
})();
