// Showing what was found. Text enters the page as text nodes only.

// Characters that are invisible, or turn around the sentence they stand in, are shown by number.
const visible = (text) => String(text).replace(
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g,
  (char) => `⟨U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

function node(tag, options = {}, ...children) {
  const out = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) out.setAttribute(name, value);
  for (const child of children.flat()) {
    out.append(typeof child === "string" ? visible(child) : child);
  }
  return out;
}

const grouped = (digits) => digits.replace(/^\d+$/, (all) => all.replace(/\B(?=(\d{3})+$)/g, ","));
const words = (name) => name.replaceAll("_", " ");
const bare = (value) => (value instanceof Raw ? value.text : value);
const get = (map, ...path) =>
  path.reduce((found, name) => (found instanceof Map ? found.get(name) : undefined), map);

function shown(value) {
  if (value instanceof Map) {
    if (!value.size) return node("p", {}, "none");
    return listed([...value].map(([name, item]) => [words(name), shown(item)]), "inner");
  }
  if (Array.isArray(value)) {
    if (!value.length) return node("p", {}, "none");
    if (value.every((item) => !(item instanceof Map) && !Array.isArray(item))) {
      return node("p", { dir: "auto" }, value.map(plain).join(", "));
    }
    return node("ol", {}, value.map((item) => node("li", {}, shown(item))));
  }
  return node("p", { dir: "auto" }, plain(value));
}

const plain = (value) =>
  ({ null: "none", true: "yes", false: "no" })[String(value)] ?? String(bare(value));

function listed(pairs, css = "") {
  return node("dl", { class: `lines ${css}` }, pairs.flatMap(([term, content]) => [
    node("dt", { dir: "auto" }, term), node("dd", {}, content),
  ]));
}

function headline(claim) {
  const at = (name) => plain(claim.get(name));
  switch (claim.get("kind")) {
    case "none": return "no privacy guarantee: trained in the clear";
    case "dp":
      return `(${at("epsilon")}, ${at("delta")})-differential privacy per ${at("unit")}, `
        + `${at("relation")} relation, by ${at("accountant")}`;
    case "local-dp": return `${at("epsilon")}-local differential privacy per record`;
    case "mpc":
      return `secret shares among ${at("parties")} parties, at most ${at("threshold")} corrupted `
        + `(${at("adversary")})`;
    case "he": return `${at("scheme")} ciphertexts at ${at("security_bits")} bits of security`;
    case "fl":
      return `federated: the aggregator sees ${claim.get("secure_aggregation") === true
        ? "the masked sum of" : "the updates of"} at least ${at("min_contributors")} sites`;
    case "joint": {
      const parts = claim.get("parts");
      if (Array.isArray(parts) && parts.every((part) => part instanceof Map)) {
        return parts.map(headline).join(" and ");
      }
    }
  }
  return `a claim of kind ${at("kind")}`;
}

function caveats(claim) {
  const out = [];
  if (Number(bare(claim.get("delta"))) > 0.02) {
    out.push(`a large delta: with a chance of ${plain(claim.get("delta"))} nothing is promised`);
  }
  if (claim.get("secret_noise") === false) {
    out.push("reproducible noise: no privacy against anyone who knows the seed");
  }
  if (claim.get("simulated") === true) {
    out.push("simulated, no protection: all roles ran under one user");
  }
  const parts = claim.get("parts");
  if (Array.isArray(parts)) out.push(...parts.filter((p) => p instanceof Map).flatMap(caveats));
  return out;
}

function costOf(cost) {
  if (!(cost instanceof Map)) return ["not in this entry"];
  const out = [];
  const take = (name, unit) => {
    if (cost.get(name) instanceof Raw && bare(cost.get(name)) !== "0") {
      out.push(`${grouped(bare(cost.get(name)))} ${unit}`);
    }
  };
  take("seconds", "seconds");
  take("peak_memory", "bytes of memory at the peak");
  take("rounds", "rounds");
  take("depth", "levels of multiplication");
  const sent = cost.get("bytes_sent");
  if (sent instanceof Map) for (const [role, count] of sent) out.push(`${role} sent ${grouped(plain(count))} bytes`);
  return out.length ? out : ["nothing is recorded"];
}

// The claim of an entry, or what was asked for, if it holds one.
function claimOf(body) {
  const claim = get(body, "guarantee") ?? get(body, "request", "guarantee");
  return claim instanceof Map ? claim : null;
}

// The four answers of the claim that an entry holds.
function answers(body, count) {
  const claim = claimOf(body);
  const asked = get(body, "request", "guarantee");
  const paragraphs = (items) => items.map((text) => node("p", { dir: "auto" }, text));
  const texts = (name) => {
    const found = claim.get(name);
    return Array.isArray(found) && found.length ? found.map(plain) : ["not in this entry"];
  };
  const sights = (Array.isArray(claim.get("sights")) ? claim.get("sights") : [])
    .filter((item) => item instanceof Map).map((item) => `${plain(item.get("role"))}: ${plain(item.get("sees"))}`);
  const notes = caveats(claim);
  const recordedChecks = Array.isArray(claim.get("checks"))
    ? claim.get("checks").map((text) => `as recorded: ${plain(text)}`) : [];
  return listed([
    [claim === asked ? "Asked for" : "Claim", paragraphs([headline(claim)])],
    ["Who learns what", paragraphs(sights.length ? sights : ["not in this entry"])],
    ["Under which assumption", paragraphs(texts("assumptions"))],
    ["At what cost", paragraphs(costOf(get(body, "cost")))],
    ["How it was checked", paragraphs([`here: the receipt by ${count} checks, and the claim by `
      + "adding up its releases, with the outcome above", ...recordedChecks])],
    ...(notes.length ? [["Caveats", paragraphs(notes)]] : []),
  ]);
}

function refusal(name, reason) {
  return node("article", { "data-verdict": "refused" },
    node("p", { class: "kicker" }, name),
    node("h2", {}, "Do not rely on it"),
    node("div", { class: "outcome" }, line("bad", "✗ Refused", sentence(reason))));
}

const line = (css, badge, ...rest) => [
  node("p", {}, node("span", { class: `verdict ${css}` }, badge)), node("div", {}, rest.map((text) => node("p", {}, text))),
];

const OUTCOMES = {
  holds: () => line("good", "✓ Receipt holds", "The entry stood in a signed ledger, with this content."),
  withheld: () => line("open", "? Without content", "An entry stood here in a signed ledger. "
    + "What it said is not in this receipt, and nothing was checked about it.",
  "Whether it was redacted, or taken out of the receipt, is not shown."),
  redacted: ({ removal }) => line("open", "? Without content", "An entry stood here in a signed "
    + "ledger. What it said is not in this receipt, and nothing was checked about it.",
  `Entry ${removal.entry.seq}, of ${timeOf(removal.entry.time)}, says that it was redacted. `
    + `Its reason: ${plain(bodyOf(removal.entry).get("reason") ?? "none is given")}.`),
  refused: () => line("bad", "✗ Refused", "What it says is not shown, because nothing vouches for it."),
};

function article(name, receipt, checks, opinion, body) {
  const { entry, head } = receipt;
  const verdict = verdictOf(receipt, checks);
  const good = verdict !== "refused";
  const claim = good ? claimOf(body) : null;
  const list = [
    node("ul", { class: "checks" }, checks.map((item) =>
      node("li", { class: item.good ? "good" : "bad" },
        node("span", { class: "mark", "aria-hidden": "true" }, item.good ? "✓" : "✗"),
        node("span", {}, `${item.good ? "" : "Failed: "}${item.text}`)))),
    node("p", { class: "quiet" }, opinion),
  ];
  const out = node("article", { "data-verdict": verdict, "data-claim": claim ? "pending" : "none" },
    node("p", { class: "kicker" }, name),
    node("h2", {}, good ? `Entry ${entry.seq}: ${entry.kind}` : "Do not rely on this receipt"),
    node("div", { class: "outcome" },
      OUTCOMES[verdict](receipt),
      claim ? line("open", "… Claim", "It is being recomputed.") : []));
  if (!good) {
    out.append(...list);
    return out;
  }
  if (claim) out.append(node("div", { class: "answers" }, answers(body, checks.length)));
  out.append(node("details", {}, node("summary", {}, `How the receipt was checked (${checks.length} checks)`), list));
  if (entry.text !== null) {
    const all = node("details", {}, node("summary", {}, "All that the entry records"), shown(body));
    all.open = !claim;
    out.append(all);
  }
  out.append(node("details", {}, node("summary", {}, "Entry, head and keys"), listed([
    ["Ledger", node("p", { class: "mono" }, head.ledger)],
    ["Entry written", node("p", {}, entry.time)],
    ["Its commitment", node("p", { class: "mono" }, hexOf(entry.commitment))],
    ["Entries signed", node("p", {}, String(head.size))],
    ["Root", node("p", { class: "mono" }, hexOf(head.root))],
    ["Signing key", node("p", { class: "mono" }, `${keyId(head.public)} (public half ${hexOf(head.public)})`)],
    ...receipt.cosignatures.map((item) => ["Witness", node("p", { class: "mono" }, keyId(item.public))]),
  ])));
  return out;
}

const rounded = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : "no bound");
const small = (value) => (value > 0 && value < 1e-3 ? value.toExponential() : String(value));
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
const RELATIONS = {
  "zero-out": "one unit's contribution is replaced by nothing",
  "add-remove": "one unit is added or removed",
  "replace-one": "one unit's data are replaced by any other: it leaves and another comes, which doubles what is added up",
};

// The claim's line: what was claimed, what was found, and whether that holds.
function outcome(claim, { answer, why, found }, reserved) {
  const claimed = claim.get("kind") === "dp"
    ? `Claimed: epsilon ${plain(claim.get("epsilon"))} at delta ${plain(claim.get("delta"))}.` : "";
  const here = found === undefined ? "" : ` Recomputed here: ${Number.isFinite(found) ? `at most ${rounded(found)}` : "no bound"}.`;
  const texts = claimed ? [claimed + here] : [];
  const fault = reserved && reserved.fault;
  if (answer === "unknown") texts.push(`It cannot be recomputed here: ${why}.`);
  else if (why) texts.push(sentence(why));
  if (fault) texts.push(`It is not what entry ${reserved.number} reserved: ${fault}.`);
  else if (reserved && fault === "") texts.push(`It stays within what entry ${reserved.number} reserved.`);
  else if (reserved) {
    texts.push(`Entry ${reserved.number} reserved it; with the receipt of that entry on this page, the two are compared.`);
  }
  if (answer === "fails" || fault) return line("bad", "✗ Claim does not hold", ...texts);
  if (answer === "holds") return line("good", "✓ Claim holds", ...texts);
  return line("open", "? Claim not checked", ...texts);
}

function releaseText({ noise, count, rate, what }) {
  const where = rate < 1 ? `a Poisson sample at rate ${rate}` : "every unit";
  return `${grouped(String(count))} × Gaussian noise of ${noise} times what a unit can add, on ${where}: ${what}`;
}

// How the answer was found, for whoever wants to follow it.
function arithmetic(result) {
  const { releases, relation, delta, share, parts, found } = result;
  if (!releases || found === undefined) return null;
  const sampled = releases.some((release) => release.rate < 1);
  const rest = [...parts].filter(([name]) => name !== MECHANISM).map(([name, part]) => `${name} ${small(part)}`);
  const paragraphs = (...texts) => texts.map((text) => node("p", { dir: "auto" }, text));
  const plot = plotOf(result);
  return node("details", { class: "arithmetic" }, node("summary", {}, "The arithmetic"), plot ? [plot] : [], listed([
    ["Releases", paragraphs(...releases.map(releaseText))],
    ["Neighbours", paragraphs(`${relation}: ${RELATIONS[relation]}`)],
    ["Delta", paragraphs(share === delta ? `all of ${small(delta)} is for these releases`
      : `${small(share)} of ${small(delta)} is for these releases; taken as stated: ${rest.join(", ") || "the rest"}`)],
    ["Method", paragraphs(sampled
      ? "the distribution of the privacy loss on a grid, every loss rounded up, composed by Fourier transform; adding and removing a unit apart, the greater delta last"
      : `Gaussians on every unit compose exactly, here to mu = ${rounded(joinedMu(releases, relation))}; delta by Balle & Wang 2018, Theorem 8`)],
    ["Result", paragraphs(`epsilon ${rounded(found)} at delta ${small(share)}, an upper bound`)],
    ["Tolerance", paragraphs(`a claim does not hold if it lies more than ${TOLERANCE}, or ${SHARE * 100} % of itself if that is less, below the result`)],
    ["Not shown by this", paragraphs("that this noise was really added, and that nothing else was released")],
  ]));
}

const OPINIONS = {
  agrees: "Checked twice, by this page's code and by the browser's own: both agree.",
  absent: "Checked by this page's code alone: this browser has no Ed25519 of its own.",
};

// The article about one receipt, and the receipt if it holds.
async function examined(name, record, expected) {
  try {
    const receipt = receiptOf(record);
    const checks = checksOf(receipt, expected);
    const opinion = await secondOpinion(receipt);
    if (opinion === "disagrees") {
      checks.push({ good: false, text: "The browser's own code finds otherwise." });
    }
    const good = checks.every((item) => item.good);
    const body = good && receipt.entry.text !== null ? bodyOf(receipt.entry) : null;
    const about = article(name, receipt, checks, OPINIONS[opinion] ?? "", body);
    return [about, good ? { ...receipt, body } : null];
  } catch (error) {
    if (error instanceof Malformed) return [refusal(name, error.message), null];
    throw error;
  }
}

// Names and records: of the page's own list, or of a file, which holds one receipt.
function recordsOf(name, text, own = false) {
  try {
    const found = parsed(text);
    if (!own) return [[name, found]];
    return found.map((record, i) => [found.length > 1 ? `${name}, number ${i + 1}` : name, record]);
  } catch (error) {
    if (error instanceof Malformed) return [[name, error]];
    throw error;
  }
}

// The text of a file in UTF-8, as it is: nothing is dropped or replaced.
async function textOf(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}

// Recomputes the claims of the articles on the page, one after the other.
async function settle(mine, held) {
  const entries = held.map(([, { entry, head, body }]) => ({ ledger: head.ledger, seq: entry.seq, kind: entry.kind, body }));
  for (const [i, [about, { entry, body }]] of held.entries()) {
    const claim = claimOf(body);
    if (!claim) continue;
    const place = about.querySelector(".outcome");
    const tell = (share) => {
      place.lastChild.lastChild.textContent = `It is being recomputed: ${Math.round(100 * share)} %.`;
    };
    if (!answered.has(entry.text)) answered.set(entry.text, recomputed(claim, { tell }));
    const result = await answered.get(entry.text);
    if (mine !== turn) return;
    const reserved = reservedFor(entries[i], entries);
    place.replaceChildren(...[...place.children].slice(0, 2), ...outcome(claim, result, reserved));
    const folded = arithmetic(result);
    if (folded) about.querySelector(".answers").after(folded);
    about.dataset.claim = reserved && reserved.fault ? "fails" : result.answer;
  }
  document.getElementById("results").dataset.settled = String(mine);
}

const answered = new Map(); // by the text of the entry
let records = [];
let turn = 0;

async function show() {
  const mine = ++turn;
  const place = document.getElementById("results");
  const typed = (id) => document.getElementById(id).value.trim().toLowerCase();
  const expected = { ledger: typed("ledger"), key: typed("key") };
  const found = [];
  const held = [];
  if (!selfTest()) found.push(refusal("This page", "its arithmetic fails its own test in this browser"));
  else {
    for (const [name, record] of records) {
      const [about, receipt] = record instanceof Malformed
        ? [refusal(name, record.message), null] : await examined(name, record, expected);
      found.push(about);
      if (receipt) held.push([about, receipt]);
    }
  }
  for (const [one, other] of contradictions(held.map(([, receipt]) => receipt))) {
    found.unshift(refusal("All of these together", `the receipts of entries ${one} and ${other} `
      + "contradict each other, although both are signed: the ledger was forked or rewritten"));
  }
  if (mine !== turn) return;
  place.replaceChildren(...found);
  place.dataset.turn = String(mine);
  await settle(mine, held);
}

async function take(files) {
  const found = [];
  for (const file of files) {
    if (file.size > 1 << 23) found.push([file.name, new Malformed("it is larger than any receipt")]);
    else found.push(...recordsOf(file.name, await textOf(file)));
  }
  records = found;
  await show();
}

document.getElementById("file").addEventListener("change", (event) => take([...event.target.files]));
for (const id of ["ledger", "key"]) document.getElementById(id).addEventListener("input", show);
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
});
records = recordsOf("Came with this page", document.getElementById("receipts").textContent, true);
show();
