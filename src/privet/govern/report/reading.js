// Reading a receipt: the same strictness as `privet.govern.ledger.Receipt.from_json`.

class Malformed extends Error {}

// JSON with numbers kept as they were written (class Raw) and objects as maps, so that what is
// shown is what was hashed. Refuses repeated keys, which readers may take in two ways.
class Raw {
  constructor(text) { this.text = text; }
}

function parsed(text) {
  let at = 0;
  const fail = () => { throw new Malformed("it is not JSON"); };
  const skip = () => { while (at < text.length && " \t\r\n".includes(text[at])) at++; };
  const take = (char) => { skip(); if (text[at] !== char) fail(); at++; };
  const next = (char) => { skip(); return text[at] === char ? (at++, true) : false; };
  const string = () => {
    take('"');
    const start = at - 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    if (at++ >= text.length) fail();
    let value;
    try { value = JSON.parse(text.slice(start, at)); } catch { fail(); }
    if (/\p{Surrogate}/u.test(value)) fail(); // half a pair: it has no UTF-8
    return value;
  };
  const value = (depth) => {
    if (depth > 80) fail();
    skip();
    if (text[at] === '"') return string();
    if (next("{")) {
      const out = new Map();
      if (next("}")) return out;
      do {
        skip();
        const key = string();
        if (out.has(key)) throw new Malformed("a key is repeated");
        take(":");
        out.set(key, value(depth + 1));
      } while (next(","));
      take("}");
      return out;
    }
    if (next("[")) {
      const out = [];
      if (next("]")) return out;
      do out.push(value(depth + 1)); while (next(","));
      take("]");
      return out;
    }
    const word = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
    word.lastIndex = at;
    const found = word.exec(text);
    if (!found) fail();
    at += found[0].length;
    const known = { true: true, false: false, null: null };
    return found[0] in known ? known[found[0]] : new Raw(found[0]);
  };
  const out = value(0);
  skip();
  if (at < text.length) fail();
  return out;
}

const MOST_LEVELS = 64;
const MOST_DIGITS = 4300;

// A float as Python's `repr` writes it: the same digits as JavaScript's, with another exponent.
function floatText(value) {
  if (Object.is(value, -0)) return "-0.0";
  const [digits, power] = value.toExponential().split("e");
  if (Number(power) < -4 || Number(power) >= 16) {
    return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  const [sign, bare] = digits[0] === "-" ? ["-", digits.slice(1)] : ["", digits];
  const [all, at] = [bare.replace(".", ""), Number(power) + 1];
  if (at <= 0) return `${sign}0.${"0".repeat(-at)}${all}`;
  return `${sign}${all.slice(0, at).padEnd(at, "0")}.${all.slice(at) || "0"}`;
}

function numberText({ text }) {
  if (/^-?[0-9]+$/.test(text)) return text === "-0" || text.replace("-", "").length > MOST_DIGITS ? null : text;
  return Number.isFinite(Number(text)) ? floatText(Number(text)) : null;
}

const stringText = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g,
  (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function byCodePoint(one, other) {
  const [left, right] = [[...one], [...other]].map((all) => all.map((char) => char.codePointAt(0)));
  const at = left.findIndex((point, i) => point !== right[i]);
  return at < 0 ? left.length - right.length : left[at] - (right[at] ?? -1);
}

// The only text that privet writes for a value: `privet.govern.ledger.canonical`. Never equal to
// any text where there is none.
function canonical(value, level = 0) {
  if (value === null || typeof value === "boolean") return String(value);
  if (value instanceof Raw && /^-?[0-9]+$/.test(value.text)) return numberText(value);
  if (level > MOST_LEVELS) return null;
  if (value instanceof Raw) return numberText(value);
  if (typeof value === "string") return stringText(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, level + 1)).join(",")}]`;
  const names = [...value.keys()].sort(byCodePoint);
  return `{${names.map((name) =>
    `${stringText(name)}:${canonical(value.get(name), level + 1)}`).join(",")}}`;
}

// What an entry records, from its text; null if that is not as privet writes it.
function bodyOf(entry) {
  try {
    const found = parsed(entry.text);
    const good = canonical(found) === entry.text && found instanceof Map && found.size === 3
      && found.get("kind") === entry.kind && found.get("time") === entry.time;
    return good && found.get("body") instanceof Map ? found.get("body") : null;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

const ENTRY = ["seq", "time", "kind", "key", "prev", "commitment", "chain", "salt", "text"];
const HEAD = ["ledger", "size", "root", "chain", "time", "public", "signature"];
const SIZES = { prev: 32, commitment: 32, chain: 32, salt: 32, root: 32, public: 32, signature: 64 };

function exactly(record, names, what) {
  if (!(record instanceof Map)) throw new Malformed(`${what} is missing`);
  if (record.size !== names.length || !names.every((name) => record.has(name))) {
    throw new Malformed(`${what} has missing or unknown fields`);
  }
}

function hashOf(text, length, what) {
  if (typeof text !== "string" || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) {
    throw new Malformed(`${what} is not ${length} bytes in hex`);
  }
  return fromHex(text);
}

function fieldsOf(record, names, what) {
  exactly(record, names, what);
  const out = {};
  for (const name of names) {
    const value = record.get(name);
    if (names === ENTRY && (name === "salt" || name === "text") && value === null) out[name] = null;
    else if (name in SIZES) out[name] = hashOf(value, SIZES[name], `${what}: ${name}`);
    else if (name === "seq" || name === "size") {
      const good = value instanceof Raw && /^[1-9][0-9]{0,18}$/.test(value.text);
      out[name] = good ? BigInt(value.text) : 0n;
      if (out[name] < 1n || out[name] >= 1n << 62n) throw new Malformed(`${what}: ${name} is no number`);
    } else if (typeof value === "string") out[name] = value;
    else throw new Malformed(`${what}: ${name} is not text`);
  }
  return out;
}

function proofOf(items) {
  if (!Array.isArray(items) || items.length > 64) throw new Malformed("a proof is malformed");
  return items.map((item) => hashOf(item, 32, "a hash of a proof"));
}

// An entry and its place in the tree of the head.
const placeOf = (record, what) =>
  ({ entry: fieldsOf(record.get("entry"), ENTRY, what), proof: proofOf(record.get("proof")) });

function receiptOf(record) {
  const removed = record instanceof Map && record.has("redaction");
  exactly(record, ["format", "entry", "head", "proof", "cosignatures",
    ...(removed ? ["redaction"] : [])], "the receipt");
  if (record.get("format") !== "privet ledger receipt 1") {
    throw new Malformed("it is not a receipt of this release");
  }
  const [by, others] = [record.get("redaction"), record.get("cosignatures")];
  if (!Array.isArray(others)) throw new Malformed("the cosignatures are malformed");
  if (removed) exactly(by, ["entry", "proof"], "the redaction");
  return {
    ...placeOf(record, "the entry"),
    head: fieldsOf(record.get("head"), HEAD, "the head"),
    cosignatures: others.map((item) => fieldsOf(item, HEAD, "a cosignature")),
    removal: removed ? placeOf(by, "the redaction") : null,
  };
}
