/// Types that are almost block devices. Each breaks one requirement, and the concept must notice.
#include "tests/archetypes/block_device.hpp"

namespace kidney::fs {
namespace {

using Archetype = archetypes::BlockDevice;

struct NoRead : Archetype {
    Status read(BlockIndex, std::span<std::byte>) noexcept = delete;
};
struct ReadMayThrow : Archetype {
    Status read(BlockIndex, std::span<std::byte>);
};
struct WriteTakesMutableBytes : Archetype {
    Status write(BlockIndex, std::span<std::byte>) noexcept;
};
struct WriteReturnsBool : Archetype {
    bool write(BlockIndex, std::span<const std::byte>) noexcept;
};
struct BareIntegerBlocks : Archetype {
    struct NotAnIndex {};
    Status read(NotAnIndex, std::span<std::byte>) noexcept;
};
struct NoFlush : Archetype {
    Status flush() noexcept = delete;
};
struct FlushReturnsNothing : Archetype {
    void flush() noexcept;
};
struct NarrowBlockCount : Archetype {
    std::uint32_t block_count() const noexcept;
};
struct BlockSizeNotConst : Archetype {
    std::uint32_t block_size() noexcept;
};

struct Discards : Archetype {
    Status discard(BlockIndex, std::uint64_t, Discarded) noexcept;
};
struct DiscardsToWhatItLikes : Archetype {
    Status discard(BlockIndex, std::uint64_t) noexcept;
};
struct DiscardMayThrow : Archetype {
    Status discard(BlockIndex, std::uint64_t, Discarded);
};
struct DiscardsSilently : Archetype {
    void discard(BlockIndex, std::uint64_t, Discarded) noexcept;
};

static_assert(BlockDevice<Archetype> && !DiscardingBlockDevice<Archetype>);
static_assert(DiscardingBlockDevice<Discards>);
static_assert(!DiscardingBlockDevice<DiscardsToWhatItLikes>);
static_assert(!DiscardingBlockDevice<DiscardMayThrow>);
static_assert(!DiscardingBlockDevice<DiscardsSilently>);
static_assert(!BlockDevice<NoRead>);
static_assert(!BlockDevice<ReadMayThrow>);
static_assert(!BlockDevice<WriteTakesMutableBytes>);
static_assert(!BlockDevice<WriteReturnsBool>);
static_assert(!BlockDevice<BareIntegerBlocks>);
static_assert(!BlockDevice<NoFlush>);
static_assert(!BlockDevice<FlushReturnsNothing>);
static_assert(!BlockDevice<NarrowBlockCount>);
static_assert(!BlockDevice<BlockSizeNotConst>);

}  // namespace
}  // namespace kidney::fs
