/// A policy that brings tables of its own, for at most so many entities: where no engine gives it
/// any, as in laws, benchmarks and small simulations.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::sched {

/// Entities have slots below `capacity`.
template <SchedulerPolicy P, std::uint32_t capacity>
class WithTables : public P {
public:
    /// As P is constructed.
    template <class... Arguments>
    explicit WithTables(Arguments&&... arguments) noexcept
        : P(std::forward<Arguments>(arguments)...) {
        or_default::use_tables<P>(*this, memory_, capacity);
    }
    explicit WithTables(const PolicySetup& setup) noexcept
        requires(!SetUpPolicy<P>)
    {
        static_cast<void>(setup);
        or_default::use_tables<P>(*this, memory_, capacity);
    }
    WithTables(const WithTables&) = delete;
    WithTables& operator=(const WithTables&) = delete;

private:
    alignas(8) std::array<std::byte, or_default::table_bytes<P>(capacity)> memory_;
};

}  // namespace kidney::sched
