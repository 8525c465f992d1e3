/// Types that are almost disk schedulers. Each breaks one requirement, and the concept must notice.
#include "tests/archetypes/disk_scheduler.hpp"

namespace kidney::fs {
namespace {

using Archetype = archetypes::DiskScheduler;

struct NoRemove : Archetype {
    void remove(DiskEntry&) noexcept = delete;
};
struct AddMayThrow : Archetype {
    void add(DiskEntry&);
};
struct NextIsAnEntry : Archetype {
    DiskEntry next(BlockIndex, Instant) noexcept;
};
struct NextReadsAClock : Archetype {
    DiskEntry* next(BlockIndex) noexcept;
};
struct HasNoName : Archetype {
    static constexpr int name = 0;
};
struct CannotBeMade : Archetype {
    explicit CannotBeMade(int) {}
};

static_assert(DiskScheduler<Archetype>);
static_assert(!DiskScheduler<NoRemove>);
static_assert(!DiskScheduler<AddMayThrow>);
static_assert(!DiskScheduler<NextIsAnEntry>);
static_assert(!DiskScheduler<NextReadsAClock>);
static_assert(!DiskScheduler<HasNoName>);
static_assert(!DiskScheduler<CannotBeMade>);

}  // namespace
}  // namespace kidney::fs
