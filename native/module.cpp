// Python bindings of the kernels; imported by src/privet/native.py only.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <tuple>

#include "samplers.hpp"

namespace nb = nanobind;

namespace {

constexpr int kInterface = 2;  // as INTERFACE in native.py
constexpr unsigned kMaxLowBits = 48;
constexpr std::uint64_t kLast = (std::uint64_t{1} << 63) - 1;

template <class T>
using Line = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <int Columns>
using Words = nb::ndarray<const std::uint64_t, nb::shape<-1, Columns>, nb::c_contig,
                          nb::device::cpu>;
// The twins' tables and slopes come as NamedTuples.
using Tables = std::tuple<Line<const std::uint64_t>, Line<const std::uint16_t>>;
using Slopes = std::tuple<double, double, double>;

// Whatever the caller does, no kernel reads or writes outside its arrays.
void require(bool holds) {
    if (!holds) throw std::invalid_argument("sampler: arguments out of range");
}

privet::Tables checked(const Tables& tables) {
    const auto& [thresholds, guide] = tables;
    const privet::Tables found{{thresholds.data(), thresholds.shape(0)},
                               {guide.data(), guide.shape(0)}};
    require(!found.thresholds.empty() && found.thresholds.back() == kLast);
    require(std::has_single_bit(found.guide.size()));
    require(*std::max_element(found.guide.begin(), found.guide.end()) < found.thresholds.size());
    return found;
}

nb::tuple result(const privet::Progress& progress) {
    return nb::make_tuple(progress.used, progress.written, progress.undecided);
}

nb::tuple inversion_block(Words<1> words, std::size_t first, Line<std::int64_t> out,
                          std::size_t written, const Tables& tables) {
    require(written < out.shape(0) && first <= words.shape(0));
    const privet::Tables constants = checked(tables);
    privet::Progress progress{};
    {
        nb::gil_scoped_release release;
        progress = privet::inversion_block({words.data(), words.size()}, first,
                                           {out.data(), out.shape(0)}, written, constants);
    }
    return result(progress);
}

nb::tuple layered_block(Words<2> words, std::size_t first, Line<std::int64_t> out,
                        std::size_t written, const Tables& tables, unsigned s,
                        const Slopes& slopes, double margin) {
    require(written < out.shape(0) && first <= words.shape(0) && s <= kMaxLowBits);
    const privet::Tables constants = checked(tables);
    const auto [square, cross, line] = slopes;
    privet::Progress progress{};
    {
        nb::gil_scoped_release release;
        progress = privet::layered_block({words.data(), words.size()}, first,
                                         {out.data(), out.shape(0)}, written, constants, s,
                                         {square, cross, line}, margin);
    }
    return result(progress);
}

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "Compiled kernels of privet; use them through privet.native.";
    module.def("interface", [] { return kInterface; });
    module.def("inversion_block", &inversion_block, nb::arg("words").noconvert(),
               nb::arg("first"), nb::arg("out").noconvert(), nb::arg("written"),
               nb::arg("tables"));
    module.def("layered_block", &layered_block, nb::arg("words").noconvert(), nb::arg("first"),
               nb::arg("out").noconvert(), nb::arg("written"), nb::arg("tables"), nb::arg("s"),
               nb::arg("slopes"), nb::arg("margin"));
}
