/// Types that are almost request devices. Each breaks one requirement, and the concept must notice.
#include "fs/block/waiting_device.hpp"
#include "tests/archetypes/request_device.hpp"

namespace kidney::fs {
namespace {

using Archetype = archetypes::RequestDevice;

struct NoSubmit : Archetype {
    void submit(BlockRequest&) noexcept = delete;
};
struct SubmitMayThrow : Archetype {
    void submit(BlockRequest&);
};
struct SubmitAnswersAtOnce : Archetype {
    Status submit(BlockRequest&) noexcept;
};
struct SubmitCopies : Archetype {
    struct Copy {
        Copy(const BlockRequest&) noexcept;
    };
    void submit(Copy) noexcept = delete;
};
struct NoPoll : Archetype {
    void poll() noexcept = delete;
};
struct PollSaysWhetherItWorked : Archetype {
    bool poll() noexcept;
};
struct NarrowBlockCount : Archetype {
    std::uint32_t block_count() const noexcept;
};
struct BlockSizeNotConst : Archetype {
    std::uint32_t block_size() noexcept;
};

static_assert(RequestDevice<Archetype>);
static_assert(!RequestDevice<NoSubmit>);
static_assert(!RequestDevice<SubmitMayThrow>);
static_assert(!RequestDevice<SubmitAnswersAtOnce>);
static_assert(!RequestDevice<SubmitCopies>);
static_assert(!RequestDevice<NoPoll>);
static_assert(!RequestDevice<PollSaysWhetherItWorked>);
static_assert(!RequestDevice<NarrowBlockCount>);
static_assert(!RequestDevice<BlockSizeNotConst>);

struct WaitMayThrow : RunningWait {
    template <class Poll>
    void wait(Poll&&) {}
};
struct CannotBeMade : RunningWait {
    explicit CannotBeMade(int) {}
};
static_assert(!CompletionWait<WaitMayThrow>);
static_assert(!CompletionWait<CannotBeMade>);

}  // namespace
}  // namespace kidney::fs
