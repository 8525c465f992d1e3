#include "kernel/storage/shares.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/virtio/virtio_9p.hpp"
#include "fs/block/waiting_device.hpp"
#include "fs/p9/options.hpp"
#include "fs/p9/p9.hpp"
#include "kernel/hardware/pci.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstddef>

namespace kidney::kernel {
namespace {

constexpr std::size_t max_shares = 4;

using Channel =
    drivers::Virtio9p<arch::PortIo, Clock, SpinLock<ranks::disk>, fs::SleepingWait<Event, Clock>>;
using ShareFiles = fs::P9<Heap, Channel, PageCache, Mutex<ranks::file_system>, Mutex<ranks::nodes>>;

/// A device with all it needs; lives on the heap for ever.
struct Share {
    explicit Share(drivers::DmaMemory memory) noexcept : channel(io, memory) {}

    arch::PortIo io;
    Channel channel;
    ShareFiles* mounted = nullptr;  ///< changed by those who mount, who take turns
};
constinit std::array<Share*, max_shares> shares{};

Share* find_share(std::string_view tag) noexcept {
    for (Share* const share : shares) {
        if (share != nullptr && share->channel.tag() == tag) {
            return share;
        }
    }
    return nullptr;
}

Result<Share*> start_share(PciDevice& found) noexcept {
    const drivers::PciFunction& function = found.function;
    const auto port = pci().port_base(function.address, 0);
    if (!port) {
        return fail(Errc::no_device);
    }
    constexpr std::uint32_t count = Channel::memory_frames;
    const FrameNumber first =
        TRY(frames().allocate_range(mm::FrameZone::direct, count, FrameOrder(0)));
    const std::span bytes(direct_pointer(first), count * std::size_t{page_size});
    auto share = TRY(mm::make_box<Share>(heap(), drivers::DmaMemory{bytes, first.address()}));
    pci().enable(function.address);
    TRY(share->channel.start(*port));
    const auto on_interrupt = [](void* s) noexcept {
        return static_cast<Share*>(s)->channel.on_interrupt();
    };
    TRY(handle_interrupts(function.line, hal::Trigger::level, on_interrupt, share.get(),
                          "virtio_9p"));
    found.driver = "virtio_9p";
    return share.release();
}

class ShareOwner final : public fs::FileSystemOwner {
public:
    void unmounted(fs::FileSystem& file_system) noexcept override {
        for (Share* const share : shares) {
            if (share != nullptr && share->mounted == &file_system) {
                mm::destroy(heap(), std::exchange(share->mounted, nullptr));
            }
        }
    }
};
constinit ShareOwner share_owner;

}  // namespace

void find_shares() noexcept {
    std::size_t count = 0;
    for (PciDevice& found : pci_devices()) {
        if (found.function.vendor != drivers::virtio::vendor) {
            continue;
        }
        if (found.function.device == drivers::virtio::modern_only_9p) {
            log::warning<"share">("a shared folder without the legacy interface is passed over");
        } else if (found.function.device == drivers::virtio::transitional_9p &&
                   count < max_shares) {
            if (const Result<Share*> share = start_share(found)) {
                log::info<"share">("the host shares a folder as {}", (*share)->channel.tag());
                shares[count++] = *share;
            } else {
                log::warning<"share">("a shared folder cannot be had: {}", share.error());
            }
        }
    }
}

bool has_share(std::string_view tag) noexcept {
    return find_share(tag) != nullptr;
}

Result<fs::FileSystem*> share_files(const MountRequest& request) noexcept {
    const fs::P9Options options = TRY(fs::parse_p9_options(request.options));
    Share* const share = find_share(request.source_name);
    if (share == nullptr) {
        return fail(Errc::no_device);
    }
    if (share->mounted == nullptr) {
        ShareFiles* const made =
            TRY(mm::make<ShareFiles>(heap(), heap(), share->channel,
                                     kernel_objects.page_cache.get(), next_anonymous_device()));
        if (const Status mounted = made->mount(options.most_bytes); !mounted) {
            log::error<"share">("{} cannot be mounted: {}", share->channel.tag(), mounted.error());
            mm::destroy(heap(), made);
            return fail(mounted.error());
        }
        made->owner = &share_owner;
        share->mounted = made;
    }
    return share->mounted;
}

}  // namespace kidney::kernel
