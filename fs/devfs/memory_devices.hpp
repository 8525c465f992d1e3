/// /dev/null, zero, full, random and urandom: character devices with major number 1.
#pragma once

#include "fs/devfs/device_registry.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::fs {

/// Minor numbers, as in Linux.
enum class MemoryDevice : std::uint32_t { null = 3, zero = 5, full = 7, random = 8, urandom = 9 };

struct MemoryDeviceName {
    const char* name;
    MemoryDevice device;
};
inline constexpr std::array<MemoryDeviceName, 5> memory_device_names{{
    {"null", MemoryDevice::null},
    {"zero", MemoryDevice::zero},
    {"full", MemoryDevice::full},
    {"random", MemoryDevice::random},
    {"urandom", MemoryDevice::urandom},
}};
inline constexpr std::uint32_t memory_device_major = 1;

/// Random bytes: see drivers/random/random_pool.hpp.
template <class R>
concept RandomSource = requires(R& random, std::span<std::byte> bytes) {
    { random.fill(bytes) } noexcept -> std::same_as<void>;
    { random.mix(bytes) } noexcept -> std::same_as<void>;
};

template <mm::ObjectAllocator Heap, RandomSource Random>
class MemoryDeviceFile final : public File {
public:
    MemoryDeviceFile(Heap& heap, Random& random, MemoryDevice device, Ref<Vnode> node,
                     OpenMode mode) noexcept
        : File(mode), heap_(heap), random_(random), device_(device), node_(std::move(node)) {}

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override {
        if (!is_readable()) {
            return fail(Errc::bad_descriptor);
        }
        switch (device_) {
            case MemoryDevice::null:
                return 0U;
            case MemoryDevice::zero:
            case MemoryDevice::full:
                return read_zeros(to);
            case MemoryDevice::random:
            case MemoryDevice::urandom:
                return read_random(to);
        }
        return fail(Errc::no_device);
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        switch (device_) {
            case MemoryDevice::full:
                return fail(Errc::no_space);
            case MemoryDevice::random:
            case MemoryDevice::urandom:
                return stir(from);
            case MemoryDevice::null:
            case MemoryDevice::zero:
                break;
        }
        return from.remaining();  // not even looked at
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t, ReadBuffer& to) noexcept override {
        return read(to);
    }
    [[nodiscard]] Result<std::size_t> write_at(std::uint64_t, WriteBuffer& from) noexcept override {
        return write(from);
    }
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t, Whence) noexcept override { return 0U; }
    [[nodiscard]] bool is_seekable() const noexcept override { return true; }
    [[nodiscard]] bool is_pollable() noexcept override { return device_ == MemoryDevice::random; }
    [[nodiscard]] Vnode* vnode() noexcept override { return node_.get(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap_, this); }

private:
    [[nodiscard]] static Result<std::size_t> read_zeros(ReadBuffer& to) noexcept {
        const std::size_t wanted = to.remaining();
        const Status status = to.put_zeros(wanted);
        return transferred(wanted - to.remaining(), status);
    }
    [[nodiscard]] Result<std::size_t> read_random(ReadBuffer& to) noexcept {
        const std::size_t wanted = to.remaining();
        Status status;
        std::array<std::byte, 256> bytes;
        while (to.remaining() > 0 && status) {
            const auto part = std::span(bytes).first(std::min(bytes.size(), to.remaining()));
            random_.fill(part);
            status = to.put(part);
        }
        return transferred(wanted - to.remaining(), status);
    }
    [[nodiscard]] Result<std::size_t> stir(WriteBuffer& from) noexcept {
        const std::size_t wanted = from.remaining();
        std::array<std::byte, 256> bytes;
        Status status;
        while (from.remaining() > 0 && status) {
            const std::size_t before = from.remaining();
            const auto part = std::span(bytes).first(std::min(bytes.size(), before));
            status = from.take(part);
            random_.mix(part.first(before - from.remaining()));
        }
        return transferred(wanted - from.remaining(), status);
    }

    Heap& heap_;
    Random& random_;
    const MemoryDevice device_;
    const Ref<Vnode> node_;
};

/// Register it for major 1, minors 0 to 15.
template <mm::ObjectAllocator Heap, RandomSource Random>
class MemoryDevices final : public DeviceOpener {
public:
    MemoryDevices(Heap& heap, Random& random) noexcept : heap_(heap), random_(random) {}

    [[nodiscard]] Result<Ref<File>> open_device(DeviceNumber number, Vnode& node,
                                                OpenMode mode) noexcept override {
        using ThisFile = MemoryDeviceFile<Heap, Random>;
        for (const MemoryDeviceName& known : memory_device_names) {
            if (static_cast<std::uint32_t>(known.device) == number.minor) {
                return Ref<File>(TRY(mm::make_ref<ThisFile>(heap_, heap_, random_, known.device,
                                                            Ref<Vnode>::share(node), mode)));
            }
        }
        return fail(Errc::no_device);
    }
    /// Makes the five nodes in `dev`.
    [[nodiscard]] static Status add_nodes(Vnode& dev) noexcept {
        for (const MemoryDeviceName& known : memory_device_names) {
            TRY(add_device_node(dev, known.name, NodeType::character,
                                {memory_device_major, static_cast<std::uint32_t>(known.device)},
                                Permissions(0666)));
        }
        return {};
    }

private:
    Heap& heap_;
    Random& random_;
};

}  // namespace kidney::fs
