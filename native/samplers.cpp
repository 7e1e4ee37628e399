#include "samplers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace privet {
namespace {

constexpr unsigned kLevelBits = 63;  // as LEVEL_BITS in laws.py
constexpr std::size_t kDegree = 11;  // as DEGREE in discrete.py
constexpr std::size_t kChunk = 256;  // proposals whose probabilities are worked out together

constexpr std::array<double, kDegree + 1> kTaylor = [] {
    std::array<double, kDegree + 1> terms{1.0};
    double factorial = 1.0;
    for (std::size_t j = 1; j <= kDegree; ++j) {
        factorial *= static_cast<double>(j);
        terms[j] = 1.0 / factorial;
    }
    return terms;
}();

class Levels {
public:
    explicit Levels(const Tables& tables)
        : thresholds_(tables.thresholds.data()),
          guide_(tables.guide.data()),
          shift_(kLevelBits - static_cast<unsigned>(std::countr_zero(tables.guide.size()))) {}

    // The first level whose threshold is not below u.
    std::uint32_t of(std::uint64_t u) const {
        std::uint32_t k = guide_[u >> shift_];
        while (thresholds_[k] < u) ++k;
        return k;
    }

    bool tied(std::uint64_t u, std::uint32_t k) const { return thresholds_[k] == u; }

private:
    const std::uint64_t* thresholds_;
    const std::uint16_t* guide_;
    unsigned shift_;
};

inline std::int64_t signed_by(std::int64_t magnitude, std::uint64_t word) {
    const auto sign = static_cast<std::int64_t>(word & 1);
    return (magnitude ^ -sign) + sign;
}

// Exact for n < 2^52, and, unlike a conversion, done in vector registers everywhere.
inline double small_to_double(std::uint64_t n) {
    return std::bit_cast<double>(n | 0x4330000000000000) - 0x1p52;
}

// exp(-v), operation by operation as exp_minus in discrete.py.
inline double exp_minus(double v) {
    double total = kTaylor[kDegree];
    for (std::size_t j = kDegree; j-- > 0;) total = kTaylor[j] - v * total;
    return total;
}

}  // namespace

Progress inversion_block(std::span<const std::uint64_t> words, std::size_t first,
                         std::span<std::int64_t> out, std::size_t written, const Tables& tables) {
    const Levels levels(tables);
    const std::size_t count = std::min(words.size() - first, out.size() - written);
    const std::uint64_t* from = words.data() + first;
    std::int64_t* to = out.data() + written;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t u = from[i] >> 1;
        const std::uint32_t k = levels.of(u);
        if (levels.tied(u, k)) return {first + i, written + i, true};
        to[i] = signed_by(k, from[i]);
    }
    return {first + count, written + count, false};
}

Progress layered_block(std::span<const std::uint64_t> words, std::size_t first,
                       std::span<std::int64_t> out, std::size_t written, const Tables& tables,
                       unsigned low_bits, const Slopes& slopes, double margin) {
    const Levels levels(tables);
    const std::size_t proposals = words.size() / 2;
    const std::uint64_t mask = (std::uint64_t{1} << low_bits) - 1;
    const double unit = std::ldexp(1.0, -static_cast<int>(low_bits));
    const unsigned cut = std::max(low_bits, 12U);
    const double last = std::ldexp(1.0, static_cast<int>(cut) - 64);
    std::array<std::int32_t, kChunk> k;
    std::array<double, kChunk> gap;

    for (std::size_t base = first; base < proposals && written < out.size(); base += kChunk) {
        const std::size_t count = std::min(kChunk, proposals - base);
        const std::uint64_t* block = words.data() + 2 * base;
        for (std::size_t i = 0; i < count; ++i) {
            k[i] = static_cast<std::int32_t>(levels.of(block[2 * i] >> 1));
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t second = block[2 * i + 1];
            const double x = small_to_double(second & mask) * unit;
            const double v =
                x * (slopes.square * x + slopes.cross * static_cast<double>(k[i]) + slopes.line);
            gap[i] = exp_minus(v) - small_to_double(second >> cut) * last;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t word = block[2 * i];
            const auto y = static_cast<std::int64_t>(block[2 * i + 1] & mask);
            const std::int64_t magnitude = (static_cast<std::int64_t>(k[i]) << low_bits) + y;
            const bool empty = magnitude == 0 && (word & 1) != 0;
            const bool tied = levels.tied(word >> 1, static_cast<std::uint32_t>(k[i]));
            if (tied || (!empty && std::abs(gap[i]) <= margin)) return {base + i, written, true};
            out[written] = signed_by(magnitude, word);
            written += gap[i] > 0.0 && !empty;
            if (written == out.size()) return {base + i + 1, written, false};
        }
    }
    return {proposals, written, false};
}

}  // namespace privet
