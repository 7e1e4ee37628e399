// Checking a receipt: the same rules as `privet.govern.ledger.check`.

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

// Whether an entry says that another, which has no content, was redacted.
function removes(removal, entry) {
  const body = removal.text === null ? null : bodyOf(removal);
  const number = body && body.get("entry");
  return body !== null && entry.text === null && !entry.kind.startsWith("ledger.")
    && removal.kind === "ledger.redacted" && removal.seq > entry.seq
    && number instanceof Raw && number.text === String(entry.seq)
    && body.get("kind") === entry.kind && body.get("time") === entry.time
    && body.get("commitment") === hexOf(entry.commitment);
}

// The content of an entry, its fields, and its place under a head.
function checkPlace(test, { entry, proof }, head) {
  if (entry.text !== null || entry.salt !== null) {
    const opens = entry.text !== null && entry.salt !== null && same(sha256(opening(entry)), entry.commitment);
    test(opens, "The content is what the entry committed to.",
      "The content, or its salt, is not what the entry committed to.");
    if (opens) {
      test(bodyOf(entry) !== null, "The content can be read in one way only.",
        "The content is not as privet writes it: readers may take it in two ways.");
    }
  }
  const chain = chainOf(entry, head.ledger);
  test(same(chain, entry.chain), "Number, time, kind, key and predecessor are those that were written.",
    "A field of the entry was changed: number, time, kind, key or predecessor.");
  const leaf = sha256(joined(Uint8Array.of(0), chain));
  test(included(leaf, entry.seq - 1n, head.size, proof, head.root),
    `It stands at number ${entry.seq} of the ${head.size} entries under the signed root.`,
    "It does not stand in the ledger that was signed: the proof of inclusion fails.");
  if (entry.seq === head.size) {
    test(same(entry.chain, head.chain), "It is the last entry that was signed.",
      "The signed head names another last entry.");
  }
}

// What was checked, each with its outcome in plain words.
function checksOf(receipt, expected) {
  const { entry, head, removal } = receipt;
  const out = [];
  const test = (good, yes, no) => out.push({ good, text: good ? yes : no });
  checkPlace(test, receipt, head);
  if (removal) {
    const own = [];
    checkPlace((good) => own.push(good), removal, head);
    test(own.every(Boolean) && removes(removal.entry, entry),
      `Entry ${removal.entry.seq} stands under the same root, and says that entry ${entry.seq} was redacted.`,
      "The redaction that it carries is not one of this entry.");
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

// "holds", "redacted", "withheld" or "refused": `privet.govern.ledger.verdict`.
function verdictOf({ entry, removal }, checks) {
  if (!checks.every((item) => item.good)) return "refused";
  if (entry.text !== null) return "holds";
  return removal ? "redacted" : "withheld";
}

// What a receipt shows of each place in its ledger.
function seen({ entry, head, removal }) {
  const entries = removal ? [entry, removal.entry] : [entry];
  const chains = [...entries.map(({ seq, chain }) => [seq, chain]), [head.size, head.chain]];
  const all = chains.map(([seq, chain]) => [`chain ${seq} ${head.ledger}`, hexOf(chain)]);
  return new Map([...all, [`root ${head.size} ${head.ledger}`, hexOf(head.root)]]);
}

// Pairs of receipts that hold, but cannot both be of one history.
function contradictions(receipts) {
  const shows = receipts.map(seen);
  const differ = (one, other) => [...one].some(([place, value]) => (other.get(place) ?? value) !== value);
  return receipts.flatMap((one, i) => receipts.slice(i + 1)
    .filter((_, j) => differ(shows[i], shows[i + 1 + j]))
    .map((other) => [one.entry.seq, other.entry.seq]));
}

// The same hash and signatures by the browser's own code: "agrees", "disagrees", or "absent".
async function secondOpinion(receipt) {
  const subtle = globalThis.crypto && globalThis.crypto.subtle;
  if (!subtle) return "absent";
  const { entry, head, removal } = receipt;
  for (const each of removal ? [entry, removal.entry] : [entry]) {
    if (each.text === null || each.salt === null) continue;
    const own = new Uint8Array(await subtle.digest("SHA-256", opening(each)));
    if (!same(own, sha256(opening(each)))) return "disagrees";
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
