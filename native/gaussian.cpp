#include "gaussian.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace privet {
namespace {

constexpr double kSlices = 64.0;       // as SLICES in discrete.py
constexpr std::size_t kChunk = 256;    // proposals whose probabilities are worked out together

// exp(-x (x + 2k) / 2), operation by operation as _exp_minus in discrete.py.
inline double exp_minus(double x, double k, const double* exponentials) {
    const double v = x * (x + 2.0 * k) * 0.5;
    const auto slice = static_cast<std::int32_t>(v * kSlices);
    const double f = v - static_cast<double>(slice) * (1.0 / kSlices);
    double series = 1.0 - f * (1.0 / 6.0);
    series = 1.0 - f * (1.0 / 5.0) * series;
    series = 1.0 - f * (1.0 / 4.0) * series;
    series = 1.0 - f * (1.0 / 3.0) * series;
    series = 1.0 - f * (1.0 / 2.0) * series;
    return exponentials[slice] * (1.0 - f * series);
}

}  // namespace

Progress gaussian_block(std::span<const std::uint64_t> words, std::size_t first,
                        std::span<std::int64_t> out, std::size_t written, unsigned sigma_bits,
                        double margin, const Tables& tables) {
    const std::size_t proposals = words.size() / 3;
    const std::uint64_t mask = (std::uint64_t{1} << sigma_bits) - 1;
    const double unit = std::ldexp(1.0, -static_cast<int>(sigma_bits));
    const std::uint64_t* thresholds = tables.thresholds.data();
    const std::size_t levels = tables.thresholds.size();
    std::array<std::int64_t, kChunk> k;
    std::array<double, kChunk> gap;

    for (std::size_t base = first; base < proposals && written < out.size(); base += kChunk) {
        const std::size_t count = std::min(kChunk, proposals - base);
        const std::uint64_t* block = words.data() + 3 * base;
        for (std::size_t i = 0; i < count; ++i) {
            // Without branches, since the levels are too random to predict.
            std::int64_t level = 0;
            for (std::size_t j = 0; j < levels; ++j) level += block[3 * i] >= thresholds[j];
            k[i] = level;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto y = static_cast<double>(static_cast<std::int64_t>(block[3 * i + 1] & mask));
            const auto level = std::min(k[i], static_cast<std::int64_t>(levels) - 1);
            gap[i] = exp_minus(y * unit, static_cast<double>(level), tables.exponentials.data()) -
                     static_cast<double>(block[3 * i + 2]) * 0x1p-64;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto y = static_cast<std::int64_t>(block[3 * i + 1] & mask);
            const auto sign = static_cast<std::int64_t>(block[3 * i + 1] >> 63);
            const bool hit = k[i] > 0 && block[3 * i] == thresholds[k[i] - 1];
            const bool empty = sign != 0 && k[i] == 0 && y == 0;
            if (hit || (!empty && std::abs(gap[i]) <= margin)) return {base + i, written, true};
            const std::int64_t magnitude = (k[i] << sigma_bits) + y;
            out[written] = (magnitude ^ -sign) + sign;
            written += gap[i] > 0.0 && !empty;
            if (written == out.size()) return {base + i + 1, written, false};
        }
    }
    return {proposals, written, false};
}

}  // namespace privet
