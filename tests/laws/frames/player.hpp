/// Makes the calls of a plan on an allocator, and looks at what can be seen from outside.
/// Freestanding; believes nothing and judges nothing.
#pragma once

#include "tests/laws/frames/calls.hpp"

#include <algorithm>
#include <new>
#include <optional>

namespace kidney::laws::frames {

inline constexpr std::size_t canary_bytes = 64;

/// `storage(instance, bytes)`, a span of at least so many bytes aligned to 16, or an empty one;
/// `run(frames, call)` calls `call()` and tells how that ended (Outcome::done, trapped,
/// endless, worn_out).
template <class G>
concept PlayerWorld = requires(G& world, unsigned instance, std::size_t bytes, void (*call)()) {
    { world.storage(instance, bytes) } noexcept -> std::same_as<std::span<std::byte>>;
    { world.run(bytes, call) } noexcept -> std::same_as<Answer::Outcome>;
};

/// The world of the kernel's self-test, and of others in which nothing needs to be survived.
class PlainWorld {
public:
    explicit PlainWorld(std::span<std::byte> memory) noexcept : memory_(memory) {}
    [[nodiscard]] std::span<std::byte> storage(unsigned instance, std::size_t bytes) noexcept {
        const std::size_t half = memory_.size() / 2 / 16 * 16;
        return bytes > half ? std::span<std::byte>() : memory_.subspan(instance * half, half);
    }
    template <class F>
    [[nodiscard]] Answer::Outcome run(std::size_t, F&& call) noexcept {
        call();
        return Answer::Outcome::done;
    }

private:
    std::span<std::byte> memory_;
};

template <mm::FrameAllocator A, class World>
class Player {
public:
    Player(const Plan& plan, World& world) noexcept : plan_(plan), world_(world) {}

    [[nodiscard]] Answer play(const Call& call) noexcept {
        Instance& instance = instances_[call.instance];
        Answer answer;
        if (call.op == Op::attach && !prepare(instance, call, answer)) {
            return answer;
        }
        if (!instance.allocator) {  // a plan that has lost its attach()
            answer.outcome = Answer::Outcome::oversized;
            return answer;
        }
        A& allocator = *instance.allocator;
        const FrameRange range{call.range.first + plan_.shift, call.range.count};
        const FrameOrder order(call.order);
        Result<FrameNumber> block = fail(Errc::no_memory);
        const Answer::Outcome end = world_.run(plan_.spans[call.instance].count, [&] {
            switch (call.op) {
                case Op::attach:
                    allocator.attach(range, instance.metadata());
                    break;
                case Op::add_region:
                    allocator.add_region(range);
                    break;
                case Op::measure:
                    answer.size = static_cast<std::uint32_t>(A::metadata_bytes(range));
                    break;
                case Op::allocate:
                    block = allocator.allocate(order);
                    break;
                default:
                    allocator.free(range.first, order);
                    break;
            }
            answer.free_frames = static_cast<std::uint32_t>(allocator.free_frames());
        });
        answer.outcome = end;
        if (end == Answer::Outcome::done && call.op == Op::allocate) {
            answer.outcome = block.has_value() ? Answer::Outcome::served : Answer::Outcome::refused;
            if (block.has_value()) {
                answer.frame = FrameNumber(block->value() - plan_.shift);
            } else {
                answer.error = block.error();
            }
        }
        answer.before_intact = instance.is_intact(0);
        answer.behind_intact = instance.is_intact(instance.start() + instance.bytes);
        return answer;
    }

private:
    struct Instance {
        std::optional<A> allocator;
        std::span<std::byte> storage;
        std::size_t bytes = 0;
        std::size_t place = 0;
        std::byte pattern{};

        [[nodiscard]] std::size_t start() const noexcept { return canary_bytes + place; }
        [[nodiscard]] std::span<std::byte> metadata() const noexcept {
            return storage.subspan(start(), bytes);
        }
        [[nodiscard]] bool is_intact(std::size_t from) const noexcept {
            const auto canary = storage.subspan(from == 0 ? place : from, canary_bytes);
            return std::all_of(canary.begin(), canary.end(),
                               [this](std::byte b) { return b == ~pattern; });
        }
    };

    /// Metadata between its canaries, holding anything.
    [[nodiscard]] bool prepare(Instance& instance, const Call& call, Answer& answer) noexcept {
        std::size_t bytes = 0;
        const FrameRange span{call.range.first + plan_.shift, call.range.count};
        const bool again = instance.allocator.has_value();
        const Answer::Outcome end = world_.run(span.count + earlier_span.count, [&] {
            if (!again) {
                instance.allocator.emplace();
                if (plan_.lived_before) {
                    live(*instance.allocator, call.instance);
                }
            }
            bytes = A::metadata_bytes(span);
        });
        if (end != Answer::Outcome::done) {
            answer.outcome = end;
            return false;
        }
        answer.size = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, ~0U));
        const std::size_t all = bytes + 2 * canary_bytes + plan_.place;
        instance.storage = bytes > metadata_limit(span) ? std::span<std::byte>()
                                                        : world_.storage(call.instance, all);
        if (instance.storage.size() < all) {
            answer.outcome = Answer::Outcome::oversized;
            return false;
        }
        instance.place = plan_.place;
        instance.bytes = bytes;
        instance.pattern = std::byte{plan_.pattern};
        std::fill(instance.storage.begin(), instance.storage.end(), ~instance.pattern);
        const auto metadata = instance.metadata();
        std::fill(metadata.begin(), metadata.end(), instance.pattern);
        return true;
    }

    /// A short life over another span, in memory that is not the metadata of the next. No answer
    /// of it is looked at.
    void live(A& allocator, unsigned instance) noexcept {
        const std::size_t bytes = A::metadata_bytes(earlier_span);
        const std::span<std::byte> storage = world_.storage(instance, bytes + 16);
        if (bytes > metadata_limit(earlier_span) || storage.size() < bytes + 16) {
            return;
        }
        allocator.attach(earlier_span, storage.subspan(16, bytes));
        allocator.add_region(earlier_span);
        static_cast<void>(allocator.allocate(FrameOrder(0)));
    }

    const Plan& plan_;
    World& world_;
    std::array<Instance, max_instances> instances_{};
};

}  // namespace kidney::laws::frames
