/// A list of types: the build generates one per policy slot, and laws, benchmarks and self-tests
/// walk it.
#pragma once

#include <cstddef>

namespace kidney {

template <class... Ts>
struct TypeList {
    static constexpr std::size_t size = sizeof...(Ts);
    /// Calls `f.template operator()<T>()` for each T in order.
    template <class F>
    static constexpr void for_each(F&& f) {
        (f.template operator()<Ts>(), ...);
    }
};

}  // namespace kidney
