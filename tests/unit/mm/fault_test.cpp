/// The rules of page faults, checked by the compiler.
#include "mm/fault.hpp"

namespace kidney::mm {
namespace {

using enum hal::Access;
constexpr Protection readable{.read = true, .write = false, .execute = false};
constexpr Protection writable{.read = true, .write = true, .execute = false};
constexpr Protection code{.read = true, .write = false, .execute = true};

// What the region forbids is refused, present or not.
static_assert(decide_fault({.access = read, .protection = {}}) == FaultAction::refuse);
static_assert(decide_fault({.access = write, .protection = readable}) == FaultAction::refuse);
static_assert(decide_fault({.access = execute, .protection = writable}) == FaultAction::refuse);
static_assert(decide_fault({.access = write, .protection = readable, .present = true}) ==
              FaultAction::refuse);

// Anonymous memory.
static_assert(decide_fault({.access = read, .protection = writable}) == FaultAction::map_zeros);
static_assert(decide_fault({.access = write, .protection = writable}) == FaultAction::map_zeros);

// Private file mappings.
static_assert(decide_fault({.access = execute, .protection = code, .has_source = true}) ==
              FaultAction::map_source);
static_assert(decide_fault({.access = write, .protection = writable, .has_source = true}) ==
              FaultAction::copy_source);

// Shared file mappings.
static_assert(
    decide_fault({.access = write, .protection = writable, .shared = true, .has_source = true}) ==
    FaultAction::map_source_writable);
static_assert(decide_fault({.access = write,
                            .protection = writable,
                            .shared = true,
                            .has_source = true,
                            .present = true}) == FaultAction::make_dirty);

// Copy on write.
static_assert(decide_fault({.access = write, .protection = writable, .present = true}) ==
              FaultAction::copy_page);
static_assert(
    decide_fault({.access = write, .protection = writable, .present = true, .sole_owner = true}) ==
    FaultAction::take_over);

// Somebody else was faster.
static_assert(decide_fault({.access = read, .protection = readable, .present = true}) ==
              FaultAction::retry);
static_assert(
    decide_fault({.access = write, .protection = writable, .present = true, .writable = true}) ==
    FaultAction::retry);

}  // namespace
}  // namespace kidney::mm
