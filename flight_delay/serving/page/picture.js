// Draws an answer: fifty dots for fifty flights like it, on a line of minutes and clock times; and small bars.
const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The share of cases that arrive at most so many minutes late, read off between equally likely cases.
export function chanceBy(minutes, cases) {
  const n = cases.length;
  if (minutes < cases[0]) return 0;
  if (minutes >= cases[n - 1]) return 1 - 0.5 / n;
  const right = cases.findIndex((one) => one > minutes), gap = cases[right] - cases[right - 1];
  return (right - 0.5 + (gap ? (minutes - cases[right - 1]) / gap : 0)) / n;
}

// How much of the line is shown: all cases but the last two or three, which are counted at its end.
export function span(cases) {
  const last = cases[Math.floor(cases.length * 0.95)];
  const step = last - cases[0] > 240 ? 60 : last - cases[0] > 110 ? 30 : 15;
  return { low: Math.floor(Math.min(cases[0], -1) / step) * step, high: Math.ceil(Math.max(last + 1, 30) / step) * step, step };
}

// Columns of dots whose edges meet at fifteen minutes late, as wide as the tallest column still fits the height.
function columns(cases, low, high, width, height) {
  for (let size = 24; size > 3; size -= 0.5) {
    const bin = (size / width) * (high - low), stacks = new Map();
    for (const minutes of cases) {
      if (minutes >= high) continue;
      const place = Math.floor((minutes - 15) / bin);
      stacks.set(place, (stacks.get(place) ?? 0) + 1);
    }
    const tallest = Math.max(...stacks.values()) * size;
    if (tallest <= height) return { size, bin, stacks, tallest };
  }
  return { size: 3, bin: (3 / width) * (high - low), stacks: new Map(), tallest: 0 };
}

export function draw(answer, clock, width) {
  const cases = answer.quantiles, { low, high, step } = span(cases), narrow = width < 480;
  const left = 8, right = width - 8, x = (minutes) => left + ((minutes - low) / (high - low)) * (right - left);
  const { size, bin, stacks, tallest } = columns(cases, low, high, right - left, narrow ? 130 : 170);
  const top = 30, height = tallest + 22, base = top + height;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${base + 62}`, role: "img", "aria-labelledby": "caption" });
  picture.append(svg("rect", { class: "chosen", id: "chosen", x: left, y: top, width: 0, height }));
  const upright = (minutes, style, y = top - 6) => svg("line", { class: style, x1: x(minutes), x2: x(minutes), y1: y, y2: base });
  picture.append(upright(0, "plan"), upright(15, "line-late"));
  for (const [place, count] of stacks) {
    const minutes = 15 + (place + 0.5) * bin, style = place >= 0 ? "dot late" : "dot";
    for (let i = 0; i < count; i++)
      picture.append(svg("circle", { class: style, cx: x(minutes).toFixed(1), cy: (base - size * (i + 0.5)).toFixed(1), r: (size * 0.44).toFixed(2) }));
  }
  picture.append(svg("line", { class: "axis", x1: left, x2: right, y1: base, y2: base }));
  const label = (minutes, y, text, style = "", anchor = "middle") => {
    const half = text.length * 3.2, place = anchor === "middle" ? Math.min(Math.max(x(minutes), left + half), right - half) : x(minutes);
    picture.append(svg("text", { class: style, x: place, y, "text-anchor": anchor }, text));
  };
  const apart = x(15) - x(0) > 120;
  if (apart) label(0, top - 12, "as planned");
  label(15, top - 12, apart || !narrow ? "15 minutes late" : "15 min late", "late", x(15) > right - 60 ? "end" : "start");
  if (!apart) label(0, top - 12, "planned", "", "end");
  const every = (high - low) / step > (narrow ? 5 : 10) ? step * 2 : step;
  for (let minutes = Math.ceil(low / every) * every; minutes <= high; minutes += every) {
    picture.append(svg("line", { class: "axis", x1: x(minutes), x2: x(minutes), y1: base, y2: base + 5 }));
    label(minutes, base + 34, clock(minutes));
  }
  const { low: from, high: to } = answer.interval, end = Math.min(to, high);
  picture.append(svg("line", { class: "interval", x1: x(from), x2: x(end), y1: base + 14, y2: base + 14 }));
  const median = Math.min(answer.delay_minutes, high);
  picture.append(svg("circle", { cx: x(median), cy: base + 14, r: 5.5, fill: "currentColor" }));
  label(median, base + 56, `likely ${clock(answer.delay_minutes)}`, "strong");
  const beyond = cases.filter((minutes) => minutes >= high).length;
  if (beyond) picture.append(svg("text", { class: "late", x: right, y: x(15) + 190 < right ? top - 12 : top + 12, "text-anchor": "end" }, `${beyond} later still →`));
  picture.append(svg("line", { class: "chosen-line", id: "chosen-line", x1: left, x2: left, y1: top, y2: base, visibility: "hidden" }));
  return { picture, low, high, choose: (minutes) => {
    picture.querySelector("#chosen").setAttribute("width", Math.max(0, x(minutes) - left));
    const line = picture.querySelector("#chosen-line");
    line.setAttribute("x1", x(minutes)); line.setAttribute("x2", x(minutes)); line.setAttribute("visibility", "visible");
  } };
}

// A bar from the middle, to the right for later and to the left for earlier.
export function push(minutes, most) {
  const width = Math.max(0.6, (Math.abs(minutes) / most) * 50);
  return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: minutes > 0 ? "later" : "earlier", x: minutes > 0 ? 50 : 50 - width, y: 1, width, height: 8, rx: 1 }),
    svg("line", { class: "zero", x1: 50, x2: 50, y1: 0, y2: 10, "vector-effect": "non-scaling-stroke" }));
}

export function share(probability) {
  return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-back", width: 100, height: 10, rx: 2 }),
    svg("rect", { class: "later", width: probability * 100, height: 10, rx: 2 }));
}
