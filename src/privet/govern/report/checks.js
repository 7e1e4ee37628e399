// Reading a receipt and checking it: the same rules as `privet.govern.ledger.check`.

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

function receiptOf(record) {
  exactly(record, ["format", "entry", "head", "proof", "cosignatures"], "the receipt");
  if (record.get("format") !== "privet ledger receipt 1") {
    throw new Malformed("it is not a receipt of this release");
  }
  const [proof, others] = [record.get("proof"), record.get("cosignatures")];
  if (!Array.isArray(proof) || proof.length > 64) throw new Malformed("the proof is malformed");
  if (!Array.isArray(others)) throw new Malformed("the cosignatures are malformed");
  return {
    entry: fieldsOf(record.get("entry"), ENTRY, "the entry"),
    head: fieldsOf(record.get("head"), HEAD, "the head"),
    proof: proof.map((item) => hashOf(item, 32, "the proof")),
    cosignatures: others.map((item) => fieldsOf(item, HEAD, "a cosignature")),
  };
}

// Domain and parts, each after its length in 4 bytes; numbers are 8 bytes, big-endian.
function framed(domain, ...parts) {
  const pieces = [];
  for (const part of [domain, ...parts]) {
    let raw = part;
    if (typeof part === "string") raw = bytesOf(part);
    if (typeof part === "bigint") {
      raw = new Uint8Array(8);
      new DataView(raw.buffer).setBigUint64(0, part);
    }
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, raw.length);
    pieces.push(length, raw);
  }
  return joined(...pieces);
}

const keyId = (key) => hexOf(sha256(framed("privet ledger key 1", key))).slice(0, 32);
const opening = (entry) => framed("privet ledger commitment 1", entry.salt, bytesOf(entry.text));
const headStatement = (h) =>
  framed("privet ledger head 1", h.ledger, h.size, h.root, h.chain, h.time, keyId(h.public));
const witnessStatement = (c) =>
  framed("privet ledger cosign 1", c.ledger, c.size, c.root, c.chain, c.time, c.public);
const chainOf = (e, ledger) =>
  sha256(framed("privet ledger entry 1", ledger, e.seq, e.time, e.kind, e.key, e.prev, e.commitment));

// RFC 9162, 2.1.3.2.
function included(leaf, index, size, proof, root) {
  if (index >= size) return false;
  const node = (left, right) => sha256(joined(Uint8Array.of(1), left, right));
  let [position, last, found] = [index, size - 1n, leaf];
  for (const item of proof) {
    if (last === 0n) return false;
    if (position & 1n || position === last) {
      found = node(item, found);
      while (!(position & 1n) && position) [position, last] = [position >> 1n, last >> 1n];
    } else found = node(found, item);
    [position, last] = [position >> 1n, last >> 1n];
  }
  return last === 0n && same(found, root);
}

// A time as entries hold it, in fewer characters; anything else as it is.
const timeOf = (text) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)
  ? `${text.slice(0, 10)} ${text.slice(11, 19)} UTC` : text);
const short = (text) => `${text.slice(0, 8)}…${text.slice(-4)}`;

// What was checked, each with its outcome in plain words.
function checksOf(receipt, expected) {
  const { entry, head } = receipt;
  const out = [];
  const test = (good, yes, no) => out.push({ good, text: good ? yes : no });
  if (entry.text === null && entry.salt === null) {
    test(true, "The entry was redacted: what it said is gone, and its commitment remains.");
  } else {
    const opens = entry.text !== null && entry.salt !== null && same(sha256(opening(entry)), entry.commitment);
    test(opens, "The content is what the entry committed to.",
      "The content, or its salt, is not what the entry committed to.");
  }
  const chain = chainOf(entry, head.ledger);
  test(same(chain, entry.chain), "Number, time, kind, key and predecessor are those that were written.",
    "A field of the entry was changed: number, time, kind, key or predecessor.");
  const leaf = sha256(joined(Uint8Array.of(0), chain));
  test(included(leaf, entry.seq - 1n, head.size, receipt.proof, head.root),
    `It stands at number ${entry.seq} of the ${head.size} entries under the signed root.`,
    "It does not stand in the ledger that was signed: the proof of inclusion fails.");
  if (entry.seq === head.size) {
    test(same(entry.chain, head.chain), "It is the last entry that was signed.",
      "The signed head names another last entry.");
  }
  test(signedBy(head.public, head.signature, headStatement(head)),
    `Key ${keyId(head.public)} signed this state of the ledger at ${timeOf(head.time)}.`,
    "The signature on the state of the ledger is not valid.");
  for (const item of receipt.cosignatures) {
    const who = short(keyId(item.public));
    const seen = item.ledger === head.ledger && item.size === head.size
      && same(item.root, head.root) && same(item.chain, head.chain);
    const valid = seen && signedBy(item.public, item.signature, witnessStatement(item));
    test(valid, `Witness ${who} saw the same state and signed that at ${timeOf(item.time)}.`,
      seen ? `The signature of witness ${who} is not valid.` : `Witness ${who} signed another state.`);
  }
  if (expected.ledger) {
    test(expected.ledger === head.ledger, "It is the ledger that you expect.",
      `You expect ledger ${expected.ledger}; this is ${head.ledger}.`);
  }
  if (expected.key) {
    test(expected.key === keyId(head.public), "It is the key that you expect.",
      `You expect key ${expected.key}; this is ${keyId(head.public)}.`);
  }
  return out;
}

// Pairs of receipts that hold, but cannot both be of one history.
function contradictions(receipts) {
  const out = [];
  receipts.forEach((one, i) => receipts.slice(0, i).forEach((other) => {
    if (one.head.ledger !== other.head.ledger) return;
    const heads = one.head.size === other.head.size && !same(one.head.root, other.head.root);
    const entries = one.entry.seq === other.entry.seq && !same(one.entry.chain, other.entry.chain);
    if (heads || entries) out.push([other.entry.seq, one.entry.seq]);
  }));
  return out;
}

// The same hash and signatures by the browser's own code: "agrees", "disagrees", or "absent".
async function secondOpinion(receipt) {
  const subtle = globalThis.crypto && globalThis.crypto.subtle;
  if (!subtle) return "absent";
  const { entry, head } = receipt;
  if (entry.text !== null && entry.salt !== null) {
    const own = new Uint8Array(await subtle.digest("SHA-256", opening(entry)));
    if (!same(own, sha256(opening(entry)))) return "disagrees";
  }
  const claims = [[head, headStatement(head)]];
  for (const item of receipt.cosignatures) claims.push([item, witnessStatement(item)]);
  for (const [{ public: key, signature }, statement] of claims) {
    let own;
    try {
      const handle = await subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
      own = await subtle.verify({ name: "Ed25519" }, handle, signature, statement);
    } catch (error) {
      if (error.name !== "DataError") return "absent";
      own = false; // bytes that are no key
    }
    if (own !== signedBy(key, signature, statement)) return "disagrees";
  }
  return "agrees";
}
