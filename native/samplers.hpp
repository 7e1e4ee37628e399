// The exact discrete samplers: C++ twins of the kernels in src/privet/dp/discrete.py, where the
// method stands; the argument is in proofs/discrete-samplers.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace privet {

// Every guide entry is below thresholds.size(), whose last threshold is 2^63 - 1; the length of
// the guide is a power of two. The binding checks it.
struct Tables {
    std::span<const std::uint64_t> thresholds;
    std::span<const std::uint16_t> guide;
};

struct Slopes {
    double square, cross, line;
};

struct Progress {
    std::size_t used;     // proposals used up
    std::size_t written;  // draws in `out`
    bool undecided;       // proposal `used` must be settled in exact arithmetic
};

// Both work through proposals from `first` on, until `out` is full, the words are used up, or one
// is undecided: one word each, or two.
Progress inversion_block(std::span<const std::uint64_t> words, std::size_t first,
                         std::span<std::int64_t> out, std::size_t written, const Tables& tables);

Progress layered_block(std::span<const std::uint64_t> words, std::size_t first,
                       std::span<std::int64_t> out, std::size_t written, const Tables& tables,
                       unsigned low_bits, const Slopes& slopes, double margin);

}  // namespace privet
