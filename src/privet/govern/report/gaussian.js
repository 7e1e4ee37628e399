// The normal distribution, accurate in its tails, and what Gaussian releases on every unit cost.
// Written for this page alone: nothing here comes from the code that wrote the ledger.

const polynomial = (x, coefficients) => coefficients.reduce((sum, c) => sum * x + c, 0);

// Rational approximations of the library Cephes (S. L. Moshier, ndtr.c), relative error 4e-16.
const ERF_TOP = [9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226,
  7003.32514112805075473, 55592.3013010394962768];
const ERF_BOTTOM = [1, 33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987,
  22629.0000613890934246, 49267.3942608635921086];
const NEAR_TOP = [2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687,
  48.6371970985681366614, 196.520832956077098242, 526.445194995477358631, 934.528527171957607540,
  1027.55188689515710272, 557.535335369399327526];
const NEAR_BOTTOM = [1, 13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062,
  975.708501743205489753, 1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182,
  557.535340817727675546];
const FAR_TOP = [0.564189583547755073984, 1.27536670759978104416, 5.01905042251180477414,
  6.16021097993053585195, 7.40974269950448939160, 2.97886665372100240670];
const FAR_BOTTOM = [1, 2.26052863220117276590, 9.39603524938001434673, 12.0489539808096656605,
  17.0814450747565897222, 9.60896809063285878198, 3.36907645100081516050];

// e^(x^2) erfc(x) for x >= 0.
function scaledErfc(x) {
  if (x < 1) {
    const erf = x * polynomial(x * x, ERF_TOP) / polynomial(x * x, ERF_BOTTOM);
    return Math.exp(x * x) * (1 - erf);
  }
  if (x < 8) return polynomial(x, NEAR_TOP) / polynomial(x, NEAR_BOTTOM);
  if (x < 1e8) return polynomial(x, FAR_TOP) / polynomial(x, FAR_BOTTOM);
  return 1 / (x * Math.sqrt(Math.PI));
}

// Probability that a standard normal value lies above z >= 0.
const upperTail = (z) => 0.5 * Math.exp(-z * z / 2) * scaledErfc(z * Math.SQRT1_2);
const below = (z) => (z < 0 ? upperTail(-z) : 1 - upperTail(z));

// Least delta of Gaussian releases with sensitivity / deviation = mu in all: Balle & Wang 2018,
// "Improving the Gaussian mechanism", Theorem 8. Its second term, e^epsilon times a tail, is
// taken with the density that both terms share, so that nothing overflows or cancels.
function gaussianDelta(mu, epsilon) {
  const near = epsilon / mu - mu / 2;
  const far = epsilon / mu + mu / 2;
  const density = 0.5 * Math.exp(-near * near / 2);
  const second = density * scaledErfc(far * Math.SQRT1_2);
  if (near <= 0) return below(-near) - second;
  return density * (scaledErfc(near * Math.SQRT1_2) - scaledErfc(far * Math.SQRT1_2));
}

// Least epsilon at which a falling function of it is at most delta, from above. What is no number
// is not at most anything.
function leastEpsilon(deltaAt, delta) {
  if (deltaAt(0) <= delta) return 0;
  let low = 0;
  let high = 1;
  while (!(deltaAt(high) <= delta)) {
    [low, high] = [high, 2 * high];
    if (high > 1e15) return Infinity;
  }
  for (let turn = 0; turn < 100; turn++) {
    const middle = (low + high) / 2;
    if (deltaAt(middle) <= delta) high = middle;
    else low = middle;
  }
  return high;
}

// Releases on every unit compose exactly: their mu^2 add up (Dong, Roth & Su 2019,
// "Gaussian differential privacy", Corollary 3.3). Under replace-one a unit leaves and another
// comes, which doubles what one of them adds.
function joinedMu(events, relation) {
  const squared = events.reduce((sum, event) => sum + event.count / event.noise ** 2, 0);
  return Math.sqrt(squared) * (relation === "replace-one" ? 2 : 1);
}
