#include "kernel/log_device.hpp"

#include "kernel/console.hpp"
#include "kernel/kernel.hpp"
#include "kernel/log_reader.hpp"
#include "kernel/log_ring.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kidney::kernel {
namespace {

/// Each write() is a record, as on Linux. Reading it (records with sequence numbers) is not here:
/// syslog(2) reads the log.
class LogFile final : public fs::File {
public:
    LogFile(fs::Vnode& node, fs::OpenMode mode) noexcept
        : File(mode), node_(Ref<fs::Vnode>::share(node)) {}

    Result<std::size_t> write(fs::WriteBuffer& from) noexcept override {
        if (!is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        const std::size_t size = from.remaining();
        std::array<char, log::max_line> text;
        if (size > text.size()) {
            return fail(Errc::invalid_argument);
        }
        TRY(from.take(std::as_writable_bytes(std::span(text).first(size))));
        const LogRecord record = parse_log_record({text.data(), size});
        std::string_view rest = record.text;
        while (!rest.empty()) {
            const std::size_t length = std::min(rest.find('\n'), rest.size());
            log_from_program(record.number, {rest.data(), length});
            rest.remove_prefix(std::min(length + 1, rest.size()));
        }
        return size;
    }
    fs::Vnode* vnode() noexcept override { return node_.get(); }
    Result<fs::Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap(), this); }

private:
    const Ref<fs::Vnode> node_;
};

/// Errors of read(): would_block, restart, bad_address.
class LogReaderFile final : public fs::File {
public:
    LogReaderFile(fs::Vnode& node, fs::OpenMode mode) noexcept
        : File(mode), node_(Ref<fs::Vnode>::share(node)) {}

    Result<std::size_t> read(fs::ReadBuffer& to) noexcept override {
        const auto size = static_cast<std::uint32_t>(to.remaining());
        return std::size_t{TRY(read_unread_log(
            current_process(), size, is_non_blocking(),
            [&to](std::span<const char> piece) { return to.put(std::as_bytes(piece)); }))};
    }
    fs::Readiness poll(fs::PollWaiter*) noexcept override {
        return {.readable = unread_log.load(std::memory_order_relaxed) != log_end()};
    }
    fs::Vnode* vnode() noexcept override { return node_.get(); }
    Result<fs::Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap(), this); }

private:
    const Ref<fs::Vnode> node_;
};

class LogDevice final : public fs::DeviceOpener {
public:
    Result<Ref<fs::File>> open_device(fs::DeviceNumber, fs::Vnode& node,
                                      fs::OpenMode mode) noexcept override {
        if (mode.read) {
            return fail(Errc::not_supported);
        }
        return Ref<fs::File>(TRY(mm::make_ref<LogFile>(heap(), node, mode)));
    }
};

constinit LogDevice the_device;

}  // namespace

fs::DeviceOpener& log_device() noexcept {
    return the_device;
}

Result<Ref<fs::File>> open_kernel_log(fs::Vnode& node, fs::OpenMode mode) noexcept {
    if (mode.write) {
        return fail(Errc::permission_denied);
    }
    return Ref<fs::File>(TRY(mm::make_ref<LogReaderFile>(heap(), node, mode)));
}

}  // namespace kidney::kernel
