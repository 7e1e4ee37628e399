// Python bindings of the kernels; imported by src/privet/native.py only.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <tuple>

#include "gaussian.hpp"

namespace nb = nanobind;

namespace {

constexpr int kInterface = 1;  // as INTERFACE in native.py
constexpr unsigned kMaxSigmaBits = 40;

template <class T>
using Line = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Words = nb::ndarray<const std::uint64_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;

// The twin's tables come as a NamedTuple of two arrays.
nb::tuple gaussian_block(Words words, std::size_t first, Line<std::int64_t> out,
                         std::size_t written, unsigned sigma_bits, double margin,
                         std::tuple<Line<const std::uint64_t>, Line<const double>> tables) {
    const auto& [thresholds, exponentials] = tables;
    // Whatever the caller does, no kernel reads or writes outside its arrays.
    if (sigma_bits > kMaxSigmaBits || written >= out.shape(0) || first > words.shape(0) ||
        thresholds.shape(0) == 0 || exponentials.shape(0) < 64 * thresholds.shape(0)) {
        throw std::invalid_argument("gaussian_block: arguments out of range");
    }
    privet::Progress progress{};
    {
        nb::gil_scoped_release release;
        progress = privet::gaussian_block(
            {words.data(), words.size()}, first, {out.data(), out.shape(0)}, written, sigma_bits,
            margin,
            {{thresholds.data(), thresholds.shape(0)}, {exponentials.data(), exponentials.size()}});
    }
    return nb::make_tuple(progress.used, progress.written, progress.undecided);
}

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "Compiled kernels of privet; use them through privet.native.";
    module.def("interface", [] { return kInterface; });
    module.def("gaussian_block", &gaussian_block, nb::arg("words"), nb::arg("first"),
               nb::arg("out").noconvert(), nb::arg("written"), nb::arg("sigma_bits"),
               nb::arg("margin"), nb::arg("tables"));
}
