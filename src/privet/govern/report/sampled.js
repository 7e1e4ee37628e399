// What releases on Poisson samples cost, by the distribution of the privacy loss.
//
// One release compares two mixtures of normal distributions, in units of the noise's deviation.
// The loss of each is put on a grid by "connect the dots" (Doroshenko et al. 2022): each piece of
// probability goes to the two grid points around its loss, so that its probability under BOTH
// mixtures is kept. That makes the pair easier to tell apart, never harder, so delta is an upper
// bound. The distributions are composed by a Fourier transform, after tilting by e^(theta loss),
// which keeps the far tail that a small delta asks for above the rounding of the transform.

const TAIL = 1e-6; // part of delta that each truncation may cost; it is added to the answer
const LOWEST = 9; // deviations, beyond which a loss is counted as that much: 1e-19 in all
const FINE = 0.04; // grid, in deviations of one release's loss, where epsilon is 1
const MOST = 1 << 21; // points of the grid
const LEAST = 1 << 15;
const MANY = 1e8; // releases of a kind, beyond which the transform's rounding would show
const ROUNDING = 1e-7; // part of delta that the transform may lose; it is added to the answer

// Pairs of mixtures: weight of [mean -u, mean 0, mean u], and the loss log(P / Q) as a function of
// the place. The loss rises with the place for "remove" and "replace", and falls for "add".
function pairOf(direction, rate, shift) {
  const rest = 1 - rate;
  const half = shift * shift / 2;
  const single = (z) => {
    const exponent = shift * z - half;
    if (rest === 0) return exponent;
    return exponent > 30 ? exponent + Math.log(rate + rest * Math.exp(-exponent))
      : Math.log1p(rate * Math.expm1(exponent));
  };
  // The place at which a removal's loss is e; -Infinity for a loss that is smaller than any.
  const place = (e) => {
    const excess = e > 36 ? Infinity : Math.expm1(e) + rate;
    if (excess <= 0) return -Infinity;
    return ((e > 36 ? e : Math.log(excess)) - Math.log(rate) + half) / shift;
  };
  if (direction === "remove") {
    return { p: [0, rest, rate], q: [0, 1, 0], rises: true, loss: single, place };
  }
  if (direction === "add") {
    return { p: [0, 1, 0], q: [0, rest, rate], rises: false, loss: (z) => -single(z),
      place: (e) => place(-e) };
  }
  const places = (e) => {
    if (rest === 0) return e / (2 * shift);
    const size = Math.abs(e) / 2;
    // asinh(sinh(size) alpha), alpha = e^half rest / rate, by its logarithm where it is large.
    const log = size + Math.log1p(-Math.exp(-2 * size)) - Math.LN2 + half + Math.log(rest / rate);
    const inverse = log > 20 ? log + Math.LN2 : Math.asinh(Math.exp(log));
    return e === 0 ? 0 : Math.sign(e) * (inverse + size) / shift;
  };
  return { p: [0, rest, rate], q: [rate, rest, 0], rises: true,
    loss: (z) => single(z) - single(-z), place: places };
}

// The places between which the loss counts; what lies above in loss is lost to any epsilon.
function rangeOf(pair, shift, furthest) {
  const means = [-shift, 0, shift].filter((_, i) => pair.p[i] > 0);
  const [first, last] = [Math.min(...means), Math.max(...means)];
  return pair.rises ? [first - LOWEST, last + furthest] : [first - furthest, last + LOWEST];
}

// Log of the moment generating function of one release's loss, and its derivatives, by the
// trapezoidal rule, which is exact to rounding for such densities.
function cumulant(pair, shift, furthest) {
  const [from, to] = rangeOf(pair, shift, furthest);
  const count = 1500;
  const losses = new Float64Array(count + 1);
  const logs = new Float64Array(count + 1);
  const constant = Math.log((to - from) / count / Math.sqrt(2 * Math.PI));
  for (let i = 0; i <= count; i++) {
    const z = from + (to - from) * i / count;
    let sum = 0;
    pair.p.forEach((weight, k) => { sum += weight * Math.exp(-((z - (k - 1) * shift) ** 2) / 2); });
    losses[i] = pair.loss(z);
    logs[i] = Math.log(sum) + constant;
  }
  return (tilt) => {
    let most = -Infinity;
    for (let i = 0; i <= count; i++) most = Math.max(most, logs[i] + tilt * losses[i]);
    let [sum, mean, square] = [0, 0, 0];
    for (let i = 0; i <= count; i++) {
      const weight = Math.exp(logs[i] + tilt * losses[i] - most);
      sum += weight;
      mean += weight * losses[i];
    }
    mean /= sum;
    for (let i = 0; i <= count; i++) {
      square += Math.exp(logs[i] + tilt * losses[i] - most) * (losses[i] - mean) ** 2;
    }
    return { log: most + Math.log(sum), mean, variance: square / sum };
  };
}

// Chernoff: the least loss that is exceeded with probability at most `chance`, and its tilt.
function chernoff(logAt, chance) {
  const bound = (logTilt) => {
    const tilt = Math.exp(logTilt);
    return (logAt(tilt) - Math.log(chance)) / tilt;
  };
  let [low, high] = [-8, 12];
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let turn = 0; turn < 40; turn++) {
    const [one, other] = [high - golden * (high - low), low + golden * (high - low)];
    if (bound(one) < bound(other)) high = other;
    else low = one;
  }
  const found = (low + high) / 2;
  return { loss: bound(found), tilt: Math.exp(found) };
}

// The distribution of one release's loss at multiples of `step`: masses from index `first` on,
// and the probability of a loss beyond the last.
function onGrid(pair, shift, furthest, step) {
  const [from, to] = rangeOf(pair, shift, furthest);
  const ends = [pair.loss(from), pair.loss(to)].map((loss) => loss / step);
  const first = Math.floor(Math.min(...ends));
  const last = Math.ceil(Math.max(...ends)) + 1;
  const masses = new Float64Array(last - first + 1);
  const between = -Math.expm1(-step);
  const used = [0, 1, 2].filter((k) => pair.p[k] > 0 || pair.q[k] > 0);
  // Place and smaller tail under each normal distribution, at the last point and at the next.
  let [z, tail, nextZ, nextTail] = [0, 0, 0, 0].map(() => new Float64Array(3));
  const move = (e) => {
    const at = pair.place(e);
    for (const k of used) {
      nextZ[k] = at - (k - 1) * shift;
      nextTail[k] = upperTail(Math.abs(nextZ[k]));
    }
    [z, tail, nextZ, nextTail] = [nextZ, nextTail, z, tail];
  };
  const outside = (over) => used.reduce((sum, k) =>
    sum + pair.p[k] * ((z[k] > 0) === over ? tail[k] : 1 - tail[k]), 0);
  move(first * step);
  masses[0] = outside(!pair.rises);
  for (let i = first; i < last; i++) {
    move((i + 1) * step);
    // What must go up so that both probabilities are kept: (P - e^loss Q) / (1 - e^-step).
    const ratio = Math.exp(i * step);
    let [all, up] = [0, 0];
    for (const k of used) {
      const opposite = (z[k] < 0) !== (nextZ[k] < 0);
      const inside = opposite ? 1 - tail[k] - nextTail[k] : Math.abs(tail[k] - nextTail[k]);
      all += pair.p[k] * inside;
      up += (pair.p[k] - ratio * pair.q[k]) * inside;
    }
    up = Math.min(Math.max(up / between, 0), all);
    masses[i - first] += all - up;
    masses[i + 1 - first] += up;
  }
  return { first, masses, lost: outside(pair.rises) };
}

// Discrete Fourier transform in place; `sign` 1 for its inverse, without the factor 1 / n.
function transform(re, im, sign, cosines, sines) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let half = 1; half < n; half <<= 1) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [c, s] = [cosines[k * stride], sign * sines[k * stride]];
        const [i, j] = [start + k, start + k + half];
        const x = re[j] * c - im[j] * s;
        const y = re[j] * s + im[j] * c;
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

// Multiplies the spectra of both directions by those of one release, `count` times. Two real
// sequences share a transform: the first as its real part, the second as its imaginary part.
function gather(spectra, re, im, count) {
  const n = re.length;
  for (let k = 0; k <= n / 2; k++) {
    const other = (n - k) % n;
    const pair = [
      [(re[k] + re[other]) / 2, (im[k] - im[other]) / 2],
      [(im[k] + im[other]) / 2, (re[other] - re[k]) / 2],
    ];
    for (let d = 0; d < spectra.length; d++) {
      let [x, y] = pair[d];
      let [a, b] = [spectra[d].re[k], spectra[d].im[k]];
      for (let left = count; ;) {
        if (left % 2) [a, b] = [a * x - b * y, a * y + b * x];
        left = Math.floor(left / 2);
        if (!left) break;
        [x, y] = [x * x - y * y, 2 * x * y];
      }
      spectra[d].re[k] = a;
      spectra[d].im[k] = b;
    }
  }
}

// Kinds of releases: those on every unit as one, sampled ones by rate and noise.
function groupsOf(events, relation) {
  const groups = [];
  for (const { rate, noise, count } of events.filter((event) => event.rate < 1)) {
    const alike = groups.find((group) => group.rate === rate && group.shift === 1 / noise);
    if (alike) alike.count += count;
    else groups.push({ rate, shift: 1 / noise, count });
  }
  const whole = events.filter((event) => event.rate === 1);
  if (whole.length) groups.push({ rate: 1, shift: joinedMu(whole, relation), count: 1 });
  return groups;
}

// Where the grid lies for one direction: what to keep, and how to tilt.
function planOf(groups, direction, furthest, delta) {
  const pairs = groups.map(({ rate, shift }) =>
    pairOf(direction === "replace" && rate === 1 ? "remove" : direction, rate, shift));
  const each = groups.map(({ shift }, g) => cumulant(pairs[g], shift, furthest));
  const logAt = (tilt) => groups.reduce((sum, { count }, g) => sum + count * each[g](tilt).log, 0);
  const { tilt, loss: near } = chernoff(logAt, delta);
  const origin = logAt(tilt);
  // What the transform wraps around is what lies outside under the tilted distribution.
  const above = chernoff((more) => logAt(tilt + more) - origin, TAIL).loss;
  const low = -chernoff((less) => logAt(tilt - less) - origin, TAIL).loss;
  return {
    pairs,
    tilt,
    near,
    high: Math.max(chernoff(logAt, TAIL * delta).loss, above),
    low: Math.min(low, 0),
    variance: groups.reduce((sum, { count }, g) => sum + count * each[g](0).variance, 0),
  };
}

const breath = () => new Promise((resolve) => { setTimeout(resolve, 0); });

// An upper bound on delta as a function of epsilon for all releases together, accurate around
// the epsilon that belongs to `delta`; null where the losses are too great for the numbers here.
// Adding and removing are composed apart, and the greater delta is taken last. `coarser` makes
// the grid wider. `tell` hears the share that is done.
async function composedDelta(events, relation, delta, { coarser = 1, tell = () => {} } = {}) {
  const groups = groupsOf(events, relation);
  if (groups.some(({ count }) => count > MANY)) return null;
  const releases = groups.reduce((sum, { count }) => sum + count, 0);
  let furthest = 1;
  while (releases * upperTail(furthest) > TAIL * delta) furthest += 0.125;
  const directions = relation === "replace-one" ? ["replace"] : ["remove", "add"];
  const plans = directions.map((direction) => planOf(groups, direction, furthest, delta));
  const range = Math.max(...plans.map(({ low, high }) => high - low));
  const spread = Math.sqrt(Math.min(...plans.map(({ variance }) => variance)) / releases);
  // Rounding adds up to step^2 / 4 to each variance, and half that share of it to epsilon.
  const fine = Math.min(FINE / Math.sqrt(Math.max(...plans.map(({ near }) => near))), 0.1);
  let n = LEAST;
  while (n < MOST && n * fine * spread < range) n *= 2;
  const step = coarser * 1.01 * range / n;
  const widest = Math.max(...plans.flatMap(({ pairs }) => pairs.map((pair, g) =>
    Math.max(...rangeOf(pair, groups[g].shift, furthest).map((z) => Math.abs(pair.loss(z)))))));
  if (!(widest + plans[0].high < 600 && widest / step < 2 * MOST)) return null;

  const cosines = Float64Array.from({ length: n / 2 }, (_, k) => Math.cos(2 * Math.PI * k / n));
  const sines = Float64Array.from({ length: n / 2 }, (_, k) => -Math.sin(2 * Math.PI * k / n));
  const spectra = directions.map(() => ({
    re: new Float64Array(n / 2 + 1).fill(1), im: new Float64Array(n / 2 + 1), log: 0, lost: 0,
  }));
  const parts = [new Float64Array(n), new Float64Array(n)];
  for (const [g, { shift, count }] of groups.entries()) {
    tell(g / (groups.length + 1));
    await breath();
    parts.forEach((part) => part.fill(0));
    plans.forEach(({ pairs, tilt }, d) => {
      const { first, masses, lost } = onGrid(pairs[g], shift, furthest, step);
      let most = 0;
      masses.forEach((mass, j) => {
        if (mass > 0) most = Math.max(most, tilt * (first + j) * step);
      });
      let sum = 0;
      masses.forEach((mass, j) => {
        const tilted = mass * Math.exp(tilt * (first + j) * step - most);
        parts[d][(((first + j) % n) + n) % n] += tilted;
        sum += tilted;
      });
      for (let i = 0; i < n; i++) parts[d][i] /= sum;
      spectra[d].log += count * (most + Math.log(sum));
      spectra[d].lost += count * lost;
    });
    transform(...parts, 1, cosines, sines);
    gather(spectra, ...parts, count);
  }
  tell(groups.length / (groups.length + 1));
  await breath();
  for (let k = 0; k < n; k++) {
    const mirrored = k > n / 2;
    const at = mirrored ? n - k : k;
    const sign = mirrored ? -1 : 1;
    const [one, other] = [spectra[0], spectra[1]];
    parts[0][k] = one.re[at] - (other ? sign * other.im[at] : 0);
    parts[1][k] = sign * one.im[at] + (other ? other.re[at] : 0);
  }
  transform(...parts, -1, cosines, sines);
  const sides = plans.map(({ low, tilt }, d) => {
    const first = Math.floor(low / step);
    const sums = [new Float64Array(n + 1), new Float64Array(n + 1)];
    for (let i = n - 1; i >= 0; i--) {
      const loss = (first + i) * step;
      const tilted = Math.max(parts[d][(((first + i) % n) + n) % n] / n, 0);
      const mass = tilted * Math.exp(spectra[d].log - tilt * loss);
      sums[0][i] = sums[0][i + 1] + mass;
      sums[1][i] = sums[1][i + 1] + mass * Math.exp(-loss);
    }
    const lost = spectra[d].lost + TAIL * delta;
    return (epsilon) => {
      const i = Math.min(Math.max(Math.floor(epsilon / step) + 1 - first, 0), n);
      return lost + (1 + ROUNDING) * Math.max(sums[0][i] - Math.exp(epsilon) * sums[1][i], 0);
    };
  });
  return (epsilon) => Math.min(Math.max(...sides.map((side) => side(epsilon))), 1);
}
