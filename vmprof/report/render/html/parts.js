
"use strict";
// What the scripts of all pages use.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function time(us) {
  const [unit, size] = us >= 999500 ? ["s", 1e6] : us >= 999.5 ? ["ms", 1e3] : us >= 0.9995 ? ["us", 1] : ["ns", 1e-3];
  return `${Number((us / size).toPrecision(3))} ${unit}`;
}

// The calls of a timeline: columns of whole nanoseconds, which are small, as objects with
// microseconds.
function unpackCalls({ calls: { skipped, row, gap, took, depth, mean, samples }, colours }) {
  let at = 0, number = -1;
  return row.map((of, i) => {
    const begin = at + gap[i];
    at = begin + took[i];
    number += 1 + (skipped[i] ?? 0);
    return {
      number,
      row: of,
      begin: begin / 1e3,
      end: at / 1e3,
      depth: depth.length ? depth[i] : 0,
      colour: colours[of],
      mean: (took[i] + mean[i]) / 1e3,
      samples: samples.length ? samples[i].map((ns) => ns / 1e3) : [],
    };
  });
}

// Math.max takes no more than about 100,000 arguments.
function most(list, key) {
  return list.reduce((found, each) => Math.max(found, key(each)), 0);
}

// 12.3 M; below a thousand all digits.
function short(value) {
  const power = value >= 999.5 ? Math.min(Math.floor(Math.log10(value * 1.0005) / 3), 6) : 0;
  const unit = ["", "k", "M", "G", "T", "P", "E"][power];
  return power ? `${(value / 1000 ** power).toPrecision(3)} ${unit}` : `${Number(value.toPrecision(6))}`;
}
