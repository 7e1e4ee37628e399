// The exact discrete Gaussian: C++ twin of numpy_kernel in src/privet/dp/discrete.py, where the
// method stands; the argument is in proofs/discrete-gaussian.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace privet {

struct Tables {
    std::span<const std::uint64_t> thresholds;
    std::span<const double> exponentials;
};

struct Progress {
    std::size_t used;     // proposals used up
    std::size_t written;  // draws in `out`
    bool undecided;       // proposal `used` must be settled in exact arithmetic
};

// Works through proposals (three words each) from `first` on, until `out` is full, the words are
// used up, or one is undecided.
Progress gaussian_block(std::span<const std::uint64_t> words, std::size_t first,
                        std::span<std::int64_t> out, std::size_t written, unsigned sigma_bits,
                        double margin, const Tables& tables);

}  // namespace privet
