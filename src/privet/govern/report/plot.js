// A small drawing of delta as a function of epsilon, with the claim marked.

function drawn(tag, attributes, ...children) {
  const out = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, String(value));
  out.append(...children);
  return out;
}

const decadeName = (exponent) => (exponent === 0 ? "1" : `1e${exponent}`);

// Ticks at 1, 2 or 5 times a power of ten, about five of them.
function ticks(to) {
  const rough = 10 ** Math.floor(Math.log10(to / 4));
  const step = [1, 2, 5, 10].map((times) => times * rough).find((size) => to / size <= 6);
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

function plotOf({ answer, curve, epsilon, found, share }) {
  const [left, right, top, bottom] = [52, 628, 14, 212];
  const most = 1.6 * Math.max(epsilon, found);
  if (!curve || !(most > 0) || !Number.isFinite(most)) return null;
  const lowest = Math.floor(Math.log10(share)) - 2;
  const x = (value) => left + (right - left) * value / most;
  const y = (delta) => top + (bottom - top) * Math.log10(delta) / lowest;
  const parts = [];
  const write = (at, height, text, css, anchor = "middle") =>
    parts.push(drawn("text", { x: at, y: height, class: css, "text-anchor": anchor }, text));

  const points = [];
  for (let i = 0; i <= 240; i++) {
    const delta = curve(most * i / 240);
    if (!(delta > 10 ** lowest)) break;
    points.push(`${x(most * i / 240).toFixed(1)},${y(Math.min(delta, 1)).toFixed(1)}`);
  }
  const end = points.length ? points[points.length - 1].split(",")[0] : left;
  parts.push(drawn("path", { class: "under", d: `M${left},${bottom} L${points.join(" L")} L${end},${bottom} Z` }));
  for (let decade = 0; decade >= lowest; decade -= Math.ceil(-lowest / 5)) {
    parts.push(drawn("line", { class: "grid", x1: left, x2: right, y1: y(10 ** decade), y2: y(10 ** decade) }));
    write(left - 8, y(10 ** decade) + 4, decadeName(decade), "scale", "end");
  }
  for (const tick of ticks(most)) {
    parts.push(drawn("line", { class: "grid", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }));
    write(x(tick), bottom + 18, String(tick), "scale");
  }
  write(right, bottom + 36, "epsilon", "scale", "end");
  write(left + 8, top + 12, "delta", "scale", "start");
  parts.push(drawn("polyline", { class: "curve", points: points.join(" ") }));
  parts.push(drawn("line", { class: "level", x1: left, x2: right, y1: y(share), y2: y(share) }));

  const css = { holds: "good", fails: "bad" }[answer] ?? "open";
  parts.push(drawn("circle", { class: "point", cx: x(found), cy: y(share), r: 4 }));
  parts.push(drawn("path", { class: `claim ${css}`, d: `M${x(epsilon)},${y(share) - 7} l7,7 l-7,7 l-7,-7 Z` }));
  // The label of the lower one stands to its left, or below where there is no room.
  const label = (value, text, style, other) => {
    const before = value < other;
    const room = x(value) > 200;
    write(x(value) + (before && room ? -11 : 11), y(share) + (before && !room ? 20 : -9), text, style,
      before && room ? "end" : "start");
  };
  label(epsilon, `claimed ${rounded(epsilon)}`, `mark ${css}`, found);
  label(found, `recomputed ${rounded(found)}`, "mark", epsilon === found ? 2 * found : epsilon);
  return node("figure", { class: "plot" },
    drawn("svg", { viewBox: "0 0 640 252", role: "img",
      "aria-label": `Delta falls as epsilon grows; at delta ${small(share)} the releases reach epsilon `
        + `${rounded(found)}, and ${rounded(epsilon)} is claimed` }, ...parts),
    node("figcaption", {}, "The curve is the least delta that the releases allow at each epsilon. "
      + "A claim on it or above it holds; the dashed line is the part of delta that is theirs."));
}
