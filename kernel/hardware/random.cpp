#include "kernel/hardware/random.hpp"

#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "drivers/random/interrupt_times.hpp"
#include "drivers/virtio/virtio_rng.hpp"
#include "fs/block/waiting_device.hpp"
#include "kernel/hardware/pci.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

constinit drivers::RandomPool<SpinLock<ranks::random>> pool;
constinit drivers::InterruptTimes interrupt_times;
constinit RandomSource source;
constinit std::atomic<std::uint32_t> stirred = 0;  ///< interrupts, when they were last stirred in

constexpr std::size_t secret_words = 8;  ///< of 32 bits: what nobody can try out

template <class Words>
void mix_words(const Words& words) noexcept {
    pool.mix(std::as_bytes(std::span(words)));
}

/// False: the processor has no such instruction, or it has nothing to give.
bool mix_processor() noexcept {
    std::array<std::uint32_t, secret_words> words;
    for (std::uint32_t& word : words) {
        const std::optional<std::uint32_t> drawn = arch::draw_random();
        if (!drawn) {
            return false;
        }
        word = *drawn;
    }
    mix_words(words);
    return true;
}

/// A few interrupts tell too little to be worth it.
void mix_interrupts() noexcept {
    constexpr std::uint32_t batch = 64;
    const std::uint32_t now = interrupt_times.count();
    if (now - stirred.load(std::memory_order_relaxed) >= batch) {
        stirred.store(now, std::memory_order_relaxed);
        mix_words(interrupt_times.words());
        static_cast<void>(mix_processor());
    }
}

using Rng =
    drivers::VirtioRng<arch::PortIo, Clock, SpinLock<ranks::disk>, fs::SleepingWait<Event, Clock>>;

/// A device with all it needs; lives on the heap for ever.
struct RandomDevice {
    explicit RandomDevice(drivers::DmaMemory memory) noexcept : rng(io, memory) {}

    arch::PortIo io;
    Rng rng;
};

/// Mixes in what the device gives.
Status use_device(PciDevice& found) noexcept {
    const drivers::PciFunction& function = found.function;
    const auto port = pci().port_base(function.address, 0);
    if (!port) {
        return fail(Errc::no_device);
    }
    constexpr std::uint32_t count = Rng::memory_frames;
    const FrameNumber first =
        TRY(frames().allocate_range(mm::FrameZone::direct, count, FrameOrder(0)));
    const std::span bytes(direct_pointer(first), count * std::size_t{page_size});
    auto device =
        TRY(mm::make_box<RandomDevice>(heap(), drivers::DmaMemory{bytes, first.address()}));
    pci().enable(function.address);
    TRY(device->rng.start(*port));
    const auto on_interrupt = [](void* d) noexcept {
        return static_cast<RandomDevice*>(d)->rng.on_interrupt();
    };
    RandomDevice* const kept = device.release();  // its interrupts may come from now on
    TRY(handle_interrupts(function.line, hal::Trigger::level, on_interrupt, kept, "virtio_rng"));
    found.driver = "virtio_rng";
    std::array<std::byte, secret_words * sizeof(std::uint32_t)> secret{};
    for (std::size_t have = 0; have < secret.size();) {
        const std::size_t more = TRY(kept->rng.read(std::span(secret).subspan(have)));
        if (more == 0) {
            return fail(Errc::io_error);
        }
        have += more;
    }
    mix_words(secret);
    return {};
}

/// How many gave something.
unsigned use_devices() noexcept {
    unsigned good = 0;
    for (PciDevice& found : pci_devices()) {
        if (found.function.vendor != drivers::virtio::vendor) {
            continue;
        }
        if (found.function.device == drivers::virtio::modern_only_rng) {
            log::warning<"random">("a virtio-rng without the legacy interface is passed over");
        } else if (found.function.device == drivers::virtio::transitional_rng) {
            if (const Status used = use_device(found); used) {
                ++good;
            } else {
                log::warning<"random">("a virtio-rng cannot be had: {}", used.error());
            }
        }
    }
    return good;
}

}  // namespace

void RandomSource::fill(std::span<std::byte> to) noexcept {
    mix_interrupts();
    pool.fill(to);
}
void RandomSource::mix(std::span<const std::byte> from) noexcept {
    pool.mix(from);
}

RandomSource& random_source() noexcept {
    return source;
}

void gather_randomness() noexcept {
    mix_words(std::array{static_cast<std::uint64_t>(wall_clock().count()), arch::rdtsc()});
    const bool by_processor = mix_processor();
    const unsigned devices = use_devices();
    const std::uint32_t interrupts = interrupt_times.count();
    mix_words(interrupt_times.words());
    log::info<"random">("seeded by the time, {} interrupts, {} devices{}", interrupts, devices,
                        by_processor ? " and the processor" : "");
}

void note_interrupt_time(std::uint32_t from) noexcept {
    interrupt_times.note(Cpu::id(), arch::rdtsc(), from);
}

}  // namespace kidney::kernel
