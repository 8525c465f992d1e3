/// Types that are almost message channels. Each breaks one requirement, and the concept must
/// notice.
#include "tests/archetypes/message_channel.hpp"

namespace kidney::fs {
namespace {

using Archetype = archetypes::MessageChannel;

struct MayThrow : Archetype {
    Result<std::size_t> exchange(std::span<const std::byte>, std::span<std::byte>);
};
struct ChangesRequests : Archetype {
    Result<std::size_t> exchange(std::span<std::byte>, std::span<std::byte>) noexcept;
};
struct DoesNotCount : Archetype {
    Status exchange(std::span<const std::byte>, std::span<std::byte>) noexcept;
};
struct HasNoLimit : Archetype {
    std::size_t max_message() const noexcept = delete;
};

static_assert(MessageChannel<Archetype>);
static_assert(!MessageChannel<MayThrow>);
static_assert(!MessageChannel<ChangesRequests>);
static_assert(!MessageChannel<DoesNotCount>);
static_assert(!MessageChannel<HasNoLimit>);

}  // namespace
}  // namespace kidney::fs
