// Recomputing a claim from the releases that it names, and comparing it with what was reserved.

class Impossible extends Error {} // the claim states what cannot be
class Unanswered extends Error {} // it may be true, and this page cannot tell

const TOLERANCE = 1e-3; // how far an epsilon may lie below the one found here
const SHARE = 0.01; // and at most this part of itself
const FLOOR = 2e-13; // of delta, which accountants in double precision may lose
const NOISE = [1e-3, 1e6]; // multipliers that are added up here
const [MECHANISM, ON_GRID] = ["mechanism", "noise on a grid"];
const CLAIM = ["kind", "sights", "assumptions", "checks", "simulated", "recorded", "epsilon", "delta",
  "unit", "relation", "accountant", "events", "delta_split", "secret_noise", "provenance"];
const SAMPLERS = { gaussian: "every-unit", "poisson-gaussian": "poisson" };
const NO_EPSILON = {
  none: "it promises nothing about the model, which was trained in the clear",
  "local-dp": "its mechanism is not recorded as typed releases",
  mpc: "it states no epsilon: it is about who computes, not about what the result reveals",
  he: "it states no epsilon: it is about who computes, not about what the result reveals",
  fl: "it states no epsilon: it is about who sees updates, not about what the result reveals",
  joint: "it stacks several protections, which are not composed here",
};

function within(value, what, from, to, least = from) {
  const found = value instanceof Raw ? Number(value.text) : NaN;
  if (!(found > from && found < to) && found !== least) throw new Impossible(`${what} is out of range`);
  return found;
}

function knownFields(map, names, what) {
  for (const name of map.keys()) {
    if (!names.includes(name)) throw new Unanswered(`${what} has fields of another release of privet`);
  }
}

// A release as { kind, noise, count, rate, what }; a rate of 1 is a release on every unit.
function releaseOf(item) {
  if (!(item instanceof Map)) throw new Impossible("a release is no object");
  const kind = item.get("kind");
  if (!Object.hasOwn(SAMPLERS, kind)) throw new Unanswered("a release is of a kind that this page does not know");
  const sampled = kind === "poisson-gaussian";
  knownFields(item, ["kind", "noise_multiplier", "count", "what", "sampler", ...(sampled ? ["rate"] : [])],
    "a release");
  const count = within(item.get("count") ?? new Raw("1"), "the count of a release", 0, 2 ** 53, NaN);
  if (!Number.isInteger(count)) throw new Impossible("the count of a release is no whole number");
  const noise = within(item.get("noise_multiplier"), "the noise of a release", 0, Infinity, NaN);
  const rate = within(item.get("rate") ?? new Raw("1"), "the sampling rate of a release", 0, 1, 1);
  if ((item.get("sampler") ?? SAMPLERS[kind]) !== SAMPLERS[kind]) {
    throw new Unanswered("the batches of a release are not independent draws of each unit");
  }
  return { noise, count, rate, what: plain(item.get("what") ?? "sum") };
}

// The numbers of a claim of central differential privacy, in range and at peace with each other.
function numbersOf(claim) {
  const kind = claim.get("kind");
  if (kind !== "dp") {
    throw new Unanswered(Object.hasOwn(NO_EPSILON, kind) ? NO_EPSILON[kind]
      : "it is of a kind that this page does not know");
  }
  knownFields(claim, CLAIM, "the claim");
  const epsilon = within(claim.get("epsilon"), "epsilon", 0, Infinity, 0);
  const delta = within(claim.get("delta"), "delta", 0, 1, 0);
  const relation = claim.get("relation");
  if (!["zero-out", "add-remove", "replace-one"].includes(relation)) {
    throw new Impossible("the relation is none that privet knows");
  }
  const split = claim.get("delta_split") ?? new Map();
  if (!(split instanceof Map)) throw new Impossible("the parts of delta are malformed");
  const parts = new Map([...split].map(([name, value]) =>
    [name, within(value, "a part of delta", 0, 1, 0)]));
  const sum = [...parts.values()].reduce((all, part) => all + part, 0);
  if (sum > delta * (1 + 1e-9)) throw new Impossible("the parts of delta add up to more than delta");
  const events = claim.get("events") ?? [];
  if (!Array.isArray(events)) throw new Impossible("the releases are malformed");
  const releases = events.map(releaseOf);
  if (!releases.length) throw new Unanswered("it names no releases");
  if (releases.some(({ noise }) => noise < NOISE[0] || noise > NOISE[1])) {
    throw new Unanswered("the noise of a release is beyond the numbers here");
  }
  if (parts.size && !parts.has(MECHANISM)) {
    throw new Unanswered("its delta is split, and no part is that of the releases");
  }
  const others = [...parts.keys()].filter((name) => name !== MECHANISM && name !== ON_GRID);
  return { epsilon, delta, relation, releases, parts, others,
    share: parts.size ? parts.get(MECHANISM) : delta };
}

// Delta as a function of epsilon, right around `delta`.
async function curveOf(releases, relation, delta, options) {
  if (releases.some((release) => release.rate < 1)) {
    const curve = await composedDelta(releases, relation, delta, options);
    if (!curve) throw new Unanswered("its losses are too great, or its releases too many, for the numbers here");
    return curve;
  }
  const mu = joinedMu(releases, relation);
  return (epsilon) => gaussianDelta(mu, epsilon);
}

// No less than this epsilon is spent at delta, whatever the rounding here and elsewhere.
async function surely(releases, relation, delta, options) {
  const at = delta + FLOOR;
  const found = leastEpsilon(await curveOf(releases, relation, at, options), at);
  if (releases.every((release) => release.rate === 1)) return found;
  const wider = leastEpsilon(await curveOf(releases, relation, at, { ...options, coarser: 2 }), at);
  return found - (wider - found);
}

// { answer: "holds" | "fails" | "unknown", why, ... } about a claim.
async function recomputed(claim, options = {}) {
  let numbers = {};
  try {
    numbers = numbersOf(claim);
    const { epsilon, delta, relation, releases, share, others } = numbers;
    const slack = Math.min(TOLERANCE, SHARE * epsilon);
    if (!(share > 0)) {
      if (others.length) throw new Unanswered("no part of its delta is left for the releases");
      return { ...numbers, answer: "fails", why: "without a delta, no Gaussian noise bounds epsilon",
        found: Infinity };
    }
    const curve = await curveOf(releases, relation, share, options);
    const found = leastEpsilon(curve, share);
    const out = { ...numbers, curve, found };
    if (found <= epsilon + slack) return { ...out, answer: "holds", why: "" };
    // Even if all of delta were that of these releases, and nothing were lost to rounding.
    const least = await surely(releases, relation, others.length ? delta : share, options);
    if (epsilon + slack < least) {
      return { ...out, answer: "fails", why: "the releases that it names spend more than it claims" };
    }
    return { ...out, answer: "unknown", why: others.length
      ? `a part of delta is for ${others.join(", ")}, and which releases it covers is not recorded`
      : "the difference is within the rounding of so small a delta" };
  } catch (error) {
    if (error instanceof Impossible) return { ...numbers, answer: "fails", why: error.message };
    if (error instanceof Unanswered) return { ...numbers, answer: "unknown", why: error.message };
    return { ...numbers, answer: "unknown", why: `this browser gave up on it (${error.name})` };
  }
}

// What is wrong with a claim that was committed where another was reserved; "" if nothing is.
function exceeds(done, asked) {
  if (done.get("kind") !== asked.get("kind")) return "another kind of claim was reserved";
  if (done.get("kind") !== "dp") return "";
  for (const name of ["unit", "relation"]) {
    if (done.get(name) !== asked.get(name)) return `another ${name} was reserved`;
  }
  for (const name of ["epsilon", "delta"]) {
    const [more, least] = [done, asked].map((claim) => claim.get(name))
      .map((value) => (value instanceof Raw ? Number(value.text) : NaN));
    if (!(more <= least * (1 + 1e-12))) {
      return `${name} ${plain(done.get(name))} was committed, and ${plain(asked.get(name))} reserved`;
    }
  }
  return "";
}

// The reservation that a commit names, among entries of the same ledger; its fault, if it has one.
function reservedFor(commit, entries) {
  const claim = get(commit.body, "guarantee");
  const number = bare(get(commit.body, "reserve"));
  if (commit.kind !== "run.commit" || !(claim instanceof Map)) return null;
  const inside = get(commit.body, "request", "guarantee");
  if (inside instanceof Map) return { number, fault: exceeds(claim, inside) };
  const found = entries.find((item) => item.ledger === commit.ledger && String(item.seq) === number);
  if (!found || !found.body) return { number, fault: null };
  const asked = get(found.body, "request", "guarantee");
  const named = found.kind === "run.reserve" && asked instanceof Map
    && get(found.body, "token") === get(commit.body, "token");
  return { number, fault: named ? exceeds(claim, asked) : "that entry is not its reservation" };
}
