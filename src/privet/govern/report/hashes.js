// SHA-256 and SHA-512 (FIPS 180-4) and the verification of Ed25519 (RFC 8032, 5.1.7), so that a
// receipt can be checked in browsers that lack one of them. Nothing secret is handled here.

const bytesOf = (text) => new TextEncoder().encode(text);
const hexOf = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const joined = (...parts) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
const same = (one, other) => one.length === other.length && one.every((b, i) => b === other[i]);

// Numbers whose fractional roots are the constants of SHA-2.
const PRIMES = [];
for (let n = 2; PRIMES.length < 80; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);

// floor(frac(n^(1/degree)) * 2^64), by bisection in whole numbers.
function fractionOfRoot(n, degree) {
  const target = BigInt(n) << BigInt(64 * degree);
  let low = 0n;
  let high = BigInt(n) << 64n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= target) low = middle;
    else high = middle;
  }
  return low & 0xffffffffffffffffn;
}
const K64 = PRIMES.map((p) => fractionOfRoot(p, 3));
const H64 = PRIMES.slice(0, 8).map((p) => fractionOfRoot(p, 2));
const K32 = K64.slice(0, 64).map((k) => Number(k >> 32n) | 0);
const H32 = H64.map((h) => Number(h >> 32n) | 0);

// The message, a one bit, zeros, and the length in bits, in whole blocks.
function padded(message, block) {
  const length = Math.ceil((message.length + 1 + block / 8) / block) * block;
  const out = new Uint8Array(length);
  out.set(message);
  out[message.length] = 0x80;
  new DataView(out.buffer).setBigUint64(length - 8, BigInt(message.length) * 8n);
  return new DataView(out.buffer);
}

function sha256(message) {
  const view = padded(message, 64);
  const state = Int32Array.from(H32);
  const w = new Int32Array(64);
  const right = (x, n) => (x >>> n) | (x << (32 - n));
  for (let start = 0; start < view.byteLength; start += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getInt32(start + 4 * t);
    for (let t = 16; t < 64; t++) {
      const s0 = right(w[t - 15], 7) ^ right(w[t - 15], 18) ^ (w[t - 15] >>> 3);
      const s1 = right(w[t - 2], 17) ^ right(w[t - 2], 19) ^ (w[t - 2] >>> 10);
      w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t++) {
      const s1 = right(e, 6) ^ right(e, 11) ^ right(e, 25);
      const one = (h + s1 + ((e & f) ^ (~e & g)) + K32[t] + w[t]) | 0;
      const s0 = right(a, 2) ^ right(a, 13) ^ right(a, 22);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = (state[i] + word) | 0; });
  }
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => out.setInt32(4 * i, word));
  return new Uint8Array(out.buffer);
}

function sha512(message) {
  const view = padded(message, 128);
  const mask = 0xffffffffffffffffn;
  const state = H64.slice();
  const w = new Array(80);
  const right = (x, n) => ((x >> n) | (x << (64n - n))) & mask;
  for (let start = 0; start < view.byteLength; start += 128) {
    for (let t = 0; t < 16; t++) w[t] = view.getBigUint64(start + 8 * t);
    for (let t = 16; t < 80; t++) {
      const s0 = right(w[t - 15], 1n) ^ right(w[t - 15], 8n) ^ (w[t - 15] >> 7n);
      const s1 = right(w[t - 2], 19n) ^ right(w[t - 2], 61n) ^ (w[t - 2] >> 6n);
      w[t] = (w[t - 16] + s0 + w[t - 7] + s1) & mask;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 80; t++) {
      const s1 = right(e, 14n) ^ right(e, 18n) ^ right(e, 41n);
      const one = (h + s1 + ((e & f) ^ (~e & mask & g)) + K64[t] + w[t]) & mask;
      const s0 = right(a, 28n) ^ right(a, 34n) ^ right(a, 39n);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) & mask;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & mask, c, b, a, (one + two) & mask];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = (state[i] + word) & mask; });
  }
  const out = new DataView(new ArrayBuffer(64));
  state.forEach((word, i) => out.setBigUint64(8 * i, word));
  return new Uint8Array(out.buffer);
}

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (a) => ((a % P) + P) % P;
function power(base, exponent) {
  let out = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) out = mod(out * b);
    b = mod(b * b);
  }
  return out;
}
const D = mod(-121665n * power(121666n, P - 2n));
const ROOT = power(2n, (P - 1n) / 4n); // a square root of -1

const little = (bytes) => BigInt("0x" + (hexOf(Uint8Array.from(bytes).reverse()) || "0"));

// RFC 8032, 5.1.3; null if the bytes are no point. Points are [X, Y, Z, T], T = XY / Z.
function decoded(bytes) {
  const all = little(bytes);
  const sign = all >> 255n;
  const y = all & (2n ** 255n - 1n);
  if (y >= P) return null;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  const square = mod(v * x * x);
  if (square === mod(-u)) x = mod(x * ROOT);
  else if (square !== u) return null;
  if (x === 0n && sign) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

function sum([x1, y1, z1, t1], [x2, y2, z2, t2]) { // RFC 8032, 5.1.4
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(t1 * 2n * D * t2);
  const d = mod(z1 * 2n * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function times(count, point) {
  let out = [0n, 1n, 1n, 0n];
  for (let n = count, p = point; n > 0n; n >>= 1n) {
    if (n & 1n) out = sum(out, p);
    p = sum(p, p);
  }
  return out;
}

function encoded([x, y, z]) {
  const inverse = power(z, P - 2n);
  const number = mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n);
  return fromHex(number.toString(16).padStart(64, "0")).reverse();
}

const BASE = decoded(fromHex("58" + "66".repeat(31)));

// True if the 64 bytes are a signature of the message: [S]B - [k]A encodes to R, and S < order.
function signedBy(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const point = decoded(key);
  const s = little(signature.slice(32));
  if (point === null || s >= ORDER) return false;
  const k = little(sha512(joined(signature.slice(0, 32), key, message))) % ORDER;
  const [x, y, z, t] = point;
  const found = sum(times(s, BASE), times(k, [mod(-x), y, z, mod(-t)]));
  return same(encoded(found), signature.slice(0, 32));
}

// Known answers: FIPS 180-4 ("abc") and RFC 8032, 7.1, tests 1 and 2.
function selfTest() {
  const abc = bytesOf("abc");
  const good = [
    hexOf(sha256(abc)) === "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    hexOf(sha512(abc)) ===
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ];
  const cases = [
    ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555" +
      "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
    ["3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0" +
      "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
  ].map((row) => row.map(fromHex));
  for (const [key, message, signature] of cases) {
    good.push(signedBy(key, signature, message), !signedBy(key, signature, joined(message, abc)));
  }
  return good.every(Boolean);
}
