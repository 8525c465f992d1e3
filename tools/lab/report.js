"use strict";
// What the reports share: elements, numbers, colours, pictures, tables, downloads. Inlined by tools/kidney/lab_report.py.
const DATA = /*DATA*/null;
const { result, ranking, about } = DATA;
const FRAME = 4096, MIB = 1048576;
const policies = ranking.map(row => row.policy);
const dark = matchMedia("(prefers-color-scheme: dark)");
const $ = id => document.getElementById(id);

// Elements are made from text, never from markup: names come from outside.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const number = (value, digits = 0) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const short = value => value >= 1e6 ? `${number(value / 1e6, 1)} M` : value >= 1e3 ? `${number(value / 1e3)} k` : number(value);
const percent = (part, whole) => whole ? 100 * part / whole : 0;
const sum = list => list.reduce((a, b) => a + b, 0);
// `is_unseeded` is the report's: a workload that leaves nothing to a seed.
const run_of = (policy, workload = $("workload").value, seed = Number($("seed").value)) =>
  result.runs.find(run => run.policy === policy && run.workload === workload && run.seed === (is_unseeded(workload) ? 1 : seed));
const runs_of = policy => result.runs.filter(run => run.policy === policy && run.workload === $("workload").value && !run.error);

// Viridis: even steps for the eye, also without colours and for those who see red and green alike.
const VIRIDIS = ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"]
  .map(hex => [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)));
function ramp(share) {
  const place = Math.max(0, share) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((from, i) => Math.round(from + (VIRIDIS[low + 1][i] - from) * (place - low)));
}
const css = colour => `rgb(${colour.join(",")})`;
const level = digit => parseInt(digit, 36) / 35;
// Black or white, whichever stands out more: at this luminance both do by 4.6 to 1.
const linear = part => part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4;
const ink = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.179 ? "#000" : "#fff";

// --- A picture with axes, which can be read with a pointer and with the arrow keys ---

// `height`: what stands at the top and at the bottom; `axes`: what stands beside and below.
function picture(name, caption, run, height, draw, cells, tell, axes = { y: "MiB", x: ["start", "time", `${short(run.calls)} calls`] }) {
  const figure = make("figure");
  figure.append(make("figcaption", {}, make("h3", {}, name), caption));
  if (run.error) {
    figure.append(make("div", { class: "error" }, `No result: ${run.error}`));
    return figure;
  }
  const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": `${name}: ${caption}. Arrow keys read values.` });
  const cursor = make("div", { class: "cursor" });
  const frame = make("div", { class: "picture" }, canvas, cursor);
  const output = make("output", { "aria-live": "polite" });
  const [columns, rows] = cells;
  let at = null;
  const show = (column, row) => {
    at = [Math.max(0, Math.min(columns - 1, column)), Math.max(0, Math.min(rows - 1, row))];
    cursor.style.cssText = `display:block;left:calc(${100 * at[0] / columns}% - 2px);top:calc(${100 * at[1] / rows}% - 2px);` +
      `width:calc(${100 / columns}% + 4px);height:calc(${100 / rows}% + 4px)`;
    output.textContent = tell(...at);
  };
  const hide = () => { cursor.style.display = "none"; output.textContent = ""; };
  canvas.addEventListener("pointermove", event => {
    const box = canvas.getBoundingClientRect();
    show(Math.floor((event.clientX - box.left) / box.width * columns), Math.floor((event.clientY - box.top) / box.height * rows));
  });
  canvas.addEventListener("pointerleave", () => { if (document.activeElement !== canvas) hide(); });
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("keydown", event => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [column, row] = at ?? [columns - 1, Math.floor(rows / 2)];
    show(at ? column + step[0] : column, at ? row + step[1] : row);
  });
  draw(canvas);
  const [top, bottom] = height;
  figure.append(make("div", { class: "plot" },
    make("div", { class: "y" }, make("span", {}, top), make("span", {}, axes.y), make("span", {}, bottom)), frame,
    make("div", { class: "x" }, ...axes.x.map(text => make("span", {}, text)))), output);
  return figure;
}

// Regions from top to bottom, time from left to right; colour_of(digit) is null for what has the colour of the page.
function draw_regions(canvas, pictures, colour_of) {
  canvas.width = pictures.length;
  canvas.height = pictures[0].regions.length;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  pictures.forEach(({ regions }, x) => [...regions].forEach((digit, y) => {
    const colour = colour_of(digit);
    if (colour) image.data.set([...colour, 255], 4 * (y * canvas.width + x));
  }));
  context.putImageData(image, 0, 0);
}
// Bands on top of each other, the first at the bottom: parts_of(picture) says how high, of `most`.
function draw_bands(canvas, pictures, most, parts_of, colours) {
  canvas.width = 4 * pictures.length;
  canvas.height = 320;
  const context = canvas.getContext("2d");
  pictures.forEach((p, x) => {
    let y = canvas.height;
    parts_of(p).forEach((part, k) => {
      const height = part / most * canvas.height;
      context.fillStyle = css(colours[k]);
      context.fillRect(4 * x, y - height, 4, height);
      y -= height;
    });
  });
}

// --- Tables ---

function row(name, ...cells) { return make("tr", {}, make("th", { scope: "row" }, name), ...cells); }
function header(...names) { return make("tr", {}, ...names.map(name => make("th", { scope: "col" }, name))); }
const swatch = (colour, text) => make("span", {}, make("i", { class: "swatch", style: `background:${colour}` }), text);

// --- The page ---

// `figures`: {name of a button: () => rows}.
function offer_downloads(figures) {
  for (const button of document.querySelectorAll("[data-csv]")) {
    button.addEventListener("click", () => {
      const name = button.dataset.csv, text = figures[name]().map(line => line.join(",")).join("\n") + "\n";
      const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
        download: `${document.body.dataset.subject}-${name}${name === "ranking" ? "" : `-${$("workload").value}`}.csv` });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

// Draws now, and again whenever another run is chosen.
function begin(preferred, draw) {
  $("workload").append(...result.workloads.map(name => make("option", { value: name }, name)));
  $("seed").append(...[...Array(result.seeds).keys()].map(i => make("option", { value: i + 1 }, i + 1)));
  $("workload").value = result.workloads.includes(preferred) ? preferred : result.workloads[0];
  const again = () => {
    $("about").textContent = about[$("workload").value];
    $("seed").disabled = is_unseeded($("workload").value);
    draw();
  };
  for (const id of ["workload", "seed"]) $(id).addEventListener("change", again);
  dark.addEventListener("change", again);
  again();
}
