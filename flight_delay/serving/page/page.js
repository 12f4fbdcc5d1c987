// Asks the API about a flight and shows the answer. The question stands in the address, so that it can be shared.
import { chanceBy, draw, push, share, span } from "/static/picture.js";

const $ = (id) => document.getElementById(id);
const FORMS = { named: ["flight", "date"], described: ["route", "airline", "departure_time"] };
const MORE = ["lead", "weather_condition", "departure_delay_minutes", "aircraft_type", "tail_number"];
const FIELDS = [...FORMS.named, ...FORMS.described, ...MORE];
const GROUPS = { route: "Route", flight: "This flight number", airline: "Airline", origin: "Origin", destination: "Destination",
  recovery: "Time made up", aircraft: "Aircraft", weather: "Weather", departure: "Departure", recalibration: "Corrected by", fate: "How it ended" };

class Refusal extends Error {
  constructor(problem, status) {
    super(problem.detail ?? `The server answered ${status}; ask again in a moment.`);
    this.status = status;
    this.faults = problem.errors ?? [];
  }
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// ---- the API

async function ask(path, body) {
  const headers = { accept: "application/json" }, key = sessionStorage.getItem("key");
  if (key) Object.assign(headers, key.startsWith("fd_") ? { "x-api-key": key } : { authorization: `Bearer ${key}` });
  if (body) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal({ detail: "The server must be reachable; it is not at this moment; ask again." }, 0);
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(content, response.status);
  return content;
}

// ---- words

const clockOf = (text) => text.slice(11, 16);
const dayOf = (text) => new Date(`${text.slice(0, 10)}T12:00:00Z`).toLocaleDateString("en-GB",
  { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function duration(minutes) {
  const n = Math.round(Math.abs(minutes)), hours = Math.floor(n / 60);
  if (hours >= 48) return plural(Math.round(hours / 24), "day");
  return hours ? `${hours} h${n % 60 ? ` ${n % 60} min` : ""}` : plural(n, "minute");
}

function lateness(minutes) {
  return Math.round(minutes) === 0 ? "on time" : `${duration(minutes)} ${minutes > 0 ? "late" : "early"}`;
}

function percent(p) {
  if (p > 0 && p < 0.005) return "under 1 %";
  if (p < 1 && p > 0.995) return "over 99 %";
  return `${Math.round(p * 100)} %`;
}

function age(minutes) {
  if (minutes === null) return "";
  if (minutes < 90) return `${Math.round(minutes)} min old`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h old` : `${Math.round(minutes / 1440)} days old`;
}

// The clock at the destination so many minutes after the scheduled arrival; with +1 for the next day.
function arrivalClock(scheduled) {
  const planned = Date.parse(`${scheduled.slice(0, 16)}:00Z`);
  return (minutes) => {
    const text = new Date(planned + Math.round(minutes) * 60000).toISOString();
    const days = Math.round((Date.parse(text.slice(0, 10)) - Date.parse(scheduled.slice(0, 10))) / 86400000);
    return clockOf(text) + (days ? ` ${days > 0 ? "+" : "−"}${Math.abs(days)} d` : "");
  };
}

// ---- the question

const chosen = () => document.querySelector("input[name=form]:checked").value;

function question() {
  const query = {};
  for (const name of [...FORMS[chosen()], ...MORE]) {
    const value = $(name).value.trim();
    if (value) query[name] = value;
  }
  if (chosen() === "named" && $("leg").value.trim()) query.route = $("leg").value.trim();
  return query;
}

function showForm(form) {
  document.querySelector(`input[name=form][value=${form}]`).checked = true;
  for (const block of document.querySelectorAll("[data-form]")) block.hidden = block.dataset.form !== form;
}

function fill(parameters) {
  for (const name of FIELDS) $(name).value = parameters.get(name) ?? "";
  const named = parameters.has("flight");
  $("leg").value = named ? $("route").value : "";
  $("leg-field").hidden = !$("leg").value;
  showForm(named || !FORMS.described.some((name) => parameters.has(name)) ? "named" : "described");
  $("more").open ||= MORE.some((name) => name !== "lead" && parameters.has(name));
}

// The body of the request: numbers as numbers, codes in capitals, the instant from which to look.
async function body(query) {
  const { lead, ...asked } = query;
  if (asked.departure_delay_minutes !== undefined && Number.isFinite(Number(asked.departure_delay_minutes)))
    asked.departure_delay_minutes = Number(asked.departure_delay_minutes);
  if (!lead) return asked;
  const { scheduled_departure: departs } = await ask("/predict?fields=scheduled_departure", asked);
  return { ...asked, as_of: new Date(Date.parse(departs.utc) - Number(lead) * 60000).toISOString() };
}

function clearFaults() {
  $("refusal").hidden = true;
  for (const name of [...FIELDS, "leg"]) {
    $(name).removeAttribute("aria-invalid");
    $(name).removeAttribute("aria-describedby");
    if ($(`${name}-fault`)) $(`${name}-fault`).hidden = true;
  }
}

function showFault(field, sentence) {
  const name = field === "route" && chosen() === "named" ? "leg" : field;
  if (name === "leg") $("leg-field").hidden = false; // a number that flies several legs in a day
  const place = $(`${name}-fault`);
  if (!place || place.closest("[hidden]:not(.fault)")) return false;
  place.textContent = sentence;
  place.hidden = false;
  $(name).setAttribute("aria-invalid", "true");
  $(name).setAttribute("aria-describedby", place.id);
  if (MORE.includes(name)) $("more").open = true;
  return true;
}

// A refusal beside the fields that it names; what names none stands below the form.
function refuse(error) {
  if (error.status === 401 || error.status === 403) {
    askForKey();
    if (!sessionStorage.getItem("key")) return; // the field says all of it
  }
  const about = (field, sentence) => capital(sentence.startsWith(`${field} `) ? sentence.slice(field.length + 1) : sentence);
  const named = error.faults.map(({ field, rule, value }) => [field, about(field, value === null ? `${rule}.` : `${rule}; got ${value}.`)]);
  const [first] = error.message.split(" ");
  if (!named.length && FIELDS.includes(first)) named.push([first, about(first, error.message)]);
  const placed = named.filter(([name, sentence]) => showFault(name, sentence));
  if (placed.length) return document.querySelector("[aria-invalid]").focus();
  $("refusal").textContent = capital(error.message);
  $("refusal").hidden = false;
}

function askForKey() {
  $("key-field").hidden = false;
  $("key").focus();
}

// ---- the answer

let asking = 0; // only the newest question is shown
let redraw = () => {};

async function submit(remember = true) {
  const query = question(), turn = ++asking;
  if ($("key").value) sessionStorage.setItem("key", $("key").value.trim());
  clearFaults();
  $("answer").setAttribute("aria-busy", "true");
  try {
    const asked = await body(query);
    let answer = await ask("/explain", asked);
    const since = Date.now() - Date.parse(answer.scheduled_departure.utc);
    if (!asked.as_of && since > 0 && since < 2 * 86400000) answer = await ask("/explain", { ...asked, as_of: new Date().toISOString() });
    if (turn !== asking) return;
    if (remember) history.pushState(null, "", `?${new URLSearchParams(query)}`);
    $("key-field").hidden = true;
    const flight = flightOf(asked, answer);
    $("answer").hidden = false;
    showAnswer(flight, answer, asked);
    $("answer").setAttribute("aria-busy", "false");
    $("headline").focus({ preventScroll: !remember });
    if (!$("service").className.includes("ready")) start();
    await Promise.all([showAlternatives(flight, answer, turn), showAirports(flight, answer, turn)]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn === asking) { $("answer").hidden = true; refuse(error); }
  } finally {
    if (turn === asking) $("answer").setAttribute("aria-busy", "false");
  }
}

function flightOf(asked, answer) {
  const [, name, route] = (answer.flight_id ?? "").split("_");
  const ends = (route ?? asked.route.toUpperCase()).split("-").map((code) => (code.length === 4 ? code.slice(1) : code));
  return { name: name ?? asked.airline.toUpperCase(), origin: ends[0], dest: ends[1], route: ends.join("-"),
    day: answer.scheduled_departure.local.slice(0, 10) };
}

function showAnswer(flight, answer, asked) {
  const departs = answer.scheduled_departure.local, arrives = answer.scheduled_arrival.local, clock = arrivalClock(arrives);
  const open = answer.stage === "scheduled" || answer.stage === "departed";
  document.title = `${flight.name} ${flight.origin}–${flight.dest}, ${dayOf(departs)}`;
  $("which").textContent = `${flight.name} · ${flight.origin} → ${flight.dest} · ${dayOf(departs)}, ${clockOf(departs)} · ${seen(answer)}`;
  const end = answer.delay_minutes;
  $("headline").textContent = end === null ? { cancelled: "Cancelled", diverted: "Diverted" }[answer.stage]
    : !open ? `Landed ${lateness(end)}` : doubtful(answer) ? "Likely cancelled" : `Likely ${lateness(end)}`;
  $("clocks").replaceChildren(...clocks(answer, clock, flight));
  $("warnings").replaceChildren(...answer.warnings.map((warning) => element("li", {}, warning)));
  $("warnings").hidden = !answer.warnings.length;
  const risks = [["15 min late or more", "p_15"], ["half an hour or more", "p_30"], ["an hour or more", "p_60"], ["cancelled", "p_cancelled"]];
  $("risks").hidden = !open;
  $("risks").replaceChildren(...risks.map(([word, name]) => element("div", {}, element("dt", {}, word), element("dd", {}, percent(answer[name])))));
  $("picture").hidden = !open || doubtful(answer);
  redraw = () => !$("picture").hidden && showPicture(answer, clock, flight);
  redraw();
  showReasons(answer, open);
  showBasis(answer, asked);
}

function doubtful(answer) {
  return answer.p_cancelled >= 0.5;
}

function seen(answer) {
  const minutes = answer.lead_minutes;
  if (answer.stage === "departed") return "has left";
  if (Math.abs(minutes) < 1) return "as known at its departure time";
  return minutes > 0 ? `as known ${duration(minutes)} before` : `as known ${duration(minutes)} after its departure time`;
}

function clocks(answer, clock, flight) {
  const planned = clockOf(answer.scheduled_arrival.local);
  if (answer.delay_minutes === null) return [`It was planned to arrive in ${flight.dest} at ${planned}.`];
  const at = clock(answer.delay_minutes);
  const text = answer.stage === "landed" ? "Arrived" : doubtful(answer) ? "If it flies after all, it arrives" : "Arrives";
  const where = ` in ${flight.dest}, local time`;
  if (Math.round(answer.delay_minutes) === 0) return [`${text} at `, element("strong", {}, at), where];
  return [`${text} at `, element("strong", {}, at), " instead of ", element("span", {}, planned), where];
}

function showPicture(answer, clock, flight) {
  const width = Math.round(Math.min(900, Math.max(300, $("plot").clientWidth || 640)));
  const { picture, choose } = draw(answer, clock, width), { low, high } = span(answer.quantiles);
  $("plot").replaceChildren(picture);
  const late = answer.quantiles.filter((minutes) => minutes >= 15).length, { low: from, high: to } = answer.interval;
  $("caption").textContent = `Each dot is one of ${answer.quantiles.length} flights like this one; ${late} of them arrive 15 minutes late or more. ` +
    `Four in five arrive between ${clock(from)} and ${clock(to)} (the line): ${lateness(from)} to ${lateness(to)}. Times are those in ${flight.dest}.`;
  Object.assign($("deadline"), { min: low, max: high, value: Math.round(Math.min(to, high)) });
  const show = () => {
    const minutes = Number($("deadline").value), chance = percent(chanceBy(minutes, answer.quantiles) * (1 - answer.p_cancelled));
    choose(minutes);
    $("deadline-label").replaceChildren("Chance to be there by ", element("strong", {}, clock(minutes)), ": ", element("strong", {}, chance));
    $("deadline").setAttribute("aria-valuetext", `${clock(minutes)}, ${chance}`);
  };
  $("deadline").oninput = show;
  show();
}

function showReasons(answer, open) {
  const most = Math.max(1, ...answer.reasons.map((reason) => Math.abs(reason.minutes ?? 0)));
  const rows = answer.reasons.map((reason) => element("li", {}, element("span", {}, capital(reason.sentence)),
    ...(reason.minutes === null ? [""] : [push(reason.minutes, most), element("span", { class: "minutes" }, signed(reason.minutes))])));
  $("usual").textContent = open ? `Flights land ${lateness(answer.usual.minutes)} in general. From there, in minutes:` : "";
  const shown = rows.slice(0, 6), rest = rows.slice(6);
  $("reasons").replaceChildren(...shown);
  $("reasons-section").querySelector(".rest")?.remove();
  if (rest.length) $("reasons").after(element("details", { class: "rest" }, element("summary", {}, `${rest.length} smaller reasons`), element("ol", { class: "reasons" }, ...rest)));
  $("not-known").textContent = answer.not_known.length ? `Not known yet: ${answer.not_known.join("; ")}.` : "";
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const signed = (minutes) => Math.abs(minutes) < 0.05 ? "0 min" : `${minutes > 0 ? "+" : minutes < 0 ? "−" : ""}${Math.abs(minutes).toFixed(Math.abs(minutes) < 1 ? 1 : 0)} min`;

function showBasis(answer, asked) {
  const level = answer.support.level === "full" ? `The model knows such flights well${answer.status === "ok" ? ", and live facts are there" : ""}.`
    : "The model knows little of such flights, so the picture is drawn wider where that is needed.";
  $("support").textContent = answer.basis.fate ? "The end of the flight is known." : `${level} Seen as of ${answer.as_of.slice(0, 16).replace("T", " ")} UTC.`;
  const groups = Object.entries(answer.basis).filter(([, about]) => about.state !== "not_used");
  $("basis").replaceChildren(...groups.map(([name, { state, newest_fact_minutes: minutes, recalibrated_on: flights }]) => {
    const words = flights ? `${flights.toLocaleString("en")} landings of 14 days` : state === "given" ? "as you say" : state === "missing" ? "not known" : age(minutes);
    return element("li", { class: state }, element("b", {}, GROUPS[name] ?? name), ` ${words}`);
  }));
  const { quantiles, features_used: used, ...rest } = answer;
  $("curl").textContent = `curl -s ${location.origin}/predict -H 'content-type: application/json' -d '${JSON.stringify(asked).replaceAll("'", "'\\''")}'`;
  $("json").textContent = JSON.stringify({ ...rest, quantiles: quantiles && `${quantiles.length} numbers`, features_used: `${used.length} names` }, null, 2);
}

// ---- the route and its airports

async function showAlternatives(flight, answer, turn) {
  $("others").textContent = `${flight.origin} → ${flight.dest} that day`;
  $("alternatives").replaceChildren(element("p", { class: "note" }, "…"));
  const rows = await ask(`/flights/${flight.route}/alternatives?date=${flight.day}&as_of=${encodeURIComponent(answer.as_of)}`).then((found) => found.flights, () => null);
  if (turn !== asking) return;
  const shown = (rows ?? []).filter((row) => row.prediction.p_15 !== undefined);
  if (!shown.length) return $("alternatives").replaceChildren(element("p", { class: "note" }, "No flights of this route and day are in the timetable."));
  const open = shown.filter((row) => row.stage === "scheduled"); // what can still be chosen
  const best = open.length > 1 ? open.reduce((a, b) => (b.prediction.p_15 < a.prediction.p_15 ? b : a)) : null;
  const head = ["Flight", "Departs", "Expected", "15 min late"].map((word) => element("th", { scope: "col" }, word));
  const body = shown.map((row) => alternative(row, row.flight_id === answer.flight_id, row === best));
  $("alternatives").replaceChildren(element("table", { "aria-labelledby": "others" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

function alternative(row, isThis, isBest) {
  const prediction = row.prediction, day = row.scheduled_departure.local.slice(0, 10), query = new URLSearchParams({ flight: row.flight, date: day, route: row.route });
  const lead = $("lead").value;
  if (lead) query.set("lead", lead);
  const arrives = prediction.predicted_arrival ? clockOf(prediction.predicted_arrival.local) : "–";
  const ended = { landed: "landed", cancelled: "cancelled", diverted: "diverted" }[row.stage];
  const note = row.stage === "departed" ? `left ${lateness(row.departure_delay).replace(/minutes?/, "min")}` : isBest ? "least risk" : null;
  const chance = ended ? element("span", {}, ended) : element("div", { class: "chance" }, element("span", {}, percent(prediction.p_15)), share(prediction.p_15));
  const name = isThis ? element("span", { "aria-current": "true" }, row.flight) : element("a", { href: `?${query}` }, row.flight);
  return element("tr", { class: isThis ? "this" : null }, element("td", {}, name), element("td", {}, clockOf(row.scheduled_departure.local)), element("td", {}, arrives),
    element("td", {}, element("div", { class: "risk" }, chance, note ? element("span", { class: "best" }, note) : null)));
}

async function showAirports(flight, answer, turn) {
  const cards = await Promise.all([flight.origin, flight.dest].map((code) =>
    ask(`/airports/${code}/status?as_of=${encodeURIComponent(answer.as_of)}`).then((status) => airport(code, status), () => null)));
  if (turn === asking) $("airports").replaceChildren(...cards.filter(Boolean));
}

function airport(code, { departures: now, weather, feeds }) {
  const lines = [];
  if (now.departures_1h) {
    const late = now.departure_delay_1h === null ? "" : `, ${lateness(now.departure_delay_1h)} on average`;
    lines.push(`${plural(now.departures_1h, "departure")} in the last hour${late}; ${percent(now.late_share_1h ?? 0)} of them late.`);
  } else if (now.departures_3h) lines.push(`${plural(now.departures_3h, "departure")} in three hours, none in the last.`);
  else if (feeds.departures.newest_fact_minutes !== null) lines.push("No departures were reported in the last three hours.");
  if (now.overdue) lines.push(`${plural(now.overdue, "flight")} overdue and still there${now.waiting ? `, waiting ${duration(now.waiting)} on average` : ""}.`);
  else if (now.departures_3h) lines.push("No flight is overdue.");
  if (now.cancellation_rate_3h) lines.push(`${percent(now.cancellation_rate_3h)} of the last three hours' flights were cancelled.`);
  if (weather.condition) {
    const wind = weather.wind_speed_kt === null ? "" : `, wind ${Math.round(weather.wind_speed_kt)} kt${weather.wind_gust_kt ? `, gusts ${Math.round(weather.wind_gust_kt)}` : ""}`;
    const seeing = weather.visibility_mi === null ? "" : `, visibility ${Math.round(weather.visibility_mi)} mi`;
    lines.push(`${capital(weather.condition)}, ${Math.round(weather.temperature_c)} °C${wind}${seeing}.`);
  }
  const ages = [["departures", feeds.departures], ["weather", feeds.weather]].filter(([, feed]) => feed.newest_fact_minutes !== null);
  return element("div", { class: "card" }, element("h3", {}, code), ...lines.map((line) => element("p", {}, line)),
    element("p", { class: "note" }, ages.length ? `Newest facts: ${ages.map(([name, feed]) => `${name} ${age(feed.newest_fact_minutes)}`).join(", ")}.` : "No feed tells of this airport."));
}

// ---- the service

async function start() {
  try {
    const { model_version: version, flights_known: flights } = await ask("/ready");
    $("service").className = "ready";
    $("service").replaceChildren(`Model ${version}`, element("span", { class: "wide" }, `, ${plural(flights, "flight")} known`));
  } catch (error) {
    $("service").className = "down";
    $("service").textContent = error.status === 503 ? "Not ready" : "Not reachable";
    if (error.status === 503) { $("refusal").textContent = capital(error.message); $("refusal").hidden = false; }
    return;
  }
  try {
    const model = await ask("/model-info");
    showModel(model);
    await showExamples(model);
  } catch (error) {
    if (error.status === 401 || error.status === 403) askForKey();
  }
}

function showModel(model) {
  const seen = model.trained_on, test = (model.test ?? []).find((row) => row.horizon === "two_hours");
  const trained = seen ? ` Learned from flights of ${dayOf(seen.from)} to ${dayOf(seen.until)}.` : "";
  const good = test?.mae ? ` Two hours ahead its predictions were off by ${test.mae.toFixed(0)} minutes on average.` : "";
  $("model").textContent = `Model ${model.model_version}.${trained}${good}`;
  const fillList = (id, counts) => $(id).replaceChildren(...Object.keys(counts ?? {}).map((value) => element("option", { value })));
  fillList("routes", seen?.routes);
  fillList("airlines", seen?.airlines);
  const words = { pushback: "at push-back", takeoff: "at take-off" }, share = (p) => (p === undefined ? "–" : percent(p));
  const rows = (model.test ?? []).filter((row) => row.mae).map((row) => element("tr", {},
    element("th", { scope: "row" }, words[row.horizon] ?? `${row.horizon.replaceAll("_", " ")} ahead`),
    element("td", {}, `${row.mae.toFixed(1)} min`), element("td", {}, row.baseline_mae ? `${row.baseline_mae.toFixed(1)} min` : "–"), element("td", {}, share(row.coverage_80))));
  const head = ["Asked", "Mean error", "Without a model", "80 % interval held"].map((word) => element("th", { scope: "col" }, word));
  $("quality").hidden = !rows.length;
  $("quality-table").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

// Three flights of the busiest route on the newest day that the feeds tell of.
async function showExamples(model) {
  const routes = Object.entries(model.trained_on?.routes ?? {}).sort((a, b) => b[1] - a[1]);
  if (!routes.length || location.search) return;
  const [route] = routes[0], { as_of: newest } = await ask(`/airports/${route.slice(0, 3)}/status`);
  const day = new Date(Date.parse(newest) - 86400000).toISOString().slice(0, 10);
  if (!$("date").value) $("date").value = day;
  const { flights } = await ask(`/flights/${route}/alternatives?date=${day}`), picked = flights.filter((_, i) => i % Math.ceil(flights.length / 3) === 0);
  const links = picked.map((row) => element("a", { href: `?${new URLSearchParams({ flight: row.flight, date: day, lead: "120" })}` },
    `${row.flight} ${row.route.replace("-", "–")}, ${clockOf(row.scheduled_departure.local)}`));
  $("examples").replaceChildren(`For example, on ${dayOf(day)}:`, ...links);
  $("examples").hidden = !links.length;
}

// ---- the start

for (const radio of document.querySelectorAll("input[name=form]")) radio.addEventListener("change", () => { clearFaults(); showForm(chosen()); });
$("question").addEventListener("submit", (event) => { event.preventDefault(); submit(); });

function fromAddress() {
  const parameters = new URLSearchParams(location.search);
  if (!FIELDS.some((name) => parameters.has(name))) return;
  fill(parameters);
  submit(false);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  fromAddress();
});
addEventListener("popstate", fromAddress);
let lastWidth = innerWidth;
addEventListener("resize", () => { if (innerWidth !== lastWidth) { lastWidth = innerWidth; redraw(); } });
fromAddress();
start();
