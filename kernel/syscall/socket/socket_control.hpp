/// The control data of messages: files and identities, as sendmsg and recvmsg have them.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/sockets.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/fs/socket.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::kernel {

/// struct cmsghdr.
struct ControlHeader {
    std::uint32_t length = 0;  ///< with this header
    std::uint32_t level = 0, type = 0;
};
inline constexpr std::uint32_t level_socket = 1;         // SOL_SOCKET
inline constexpr std::uint32_t control_files = 1;        // SCM_RIGHTS
inline constexpr std::uint32_t control_identity = 2;     // SCM_CREDENTIALS
inline constexpr std::uint32_t most_passed_files = 253;  // SCM_MAX_FD
inline constexpr std::uint32_t unknown_user = 65534;

/// What a program wants to send besides bytes.
class SentControl {
public:
    SentControl() noexcept = default;
    ~SentControl() {
        if (!bytes_.empty()) {
            heap().free(bytes_.data(), bytes_.size());
        }
    }
    SentControl(const SentControl&) = delete;
    SentControl& operator=(const SentControl&) = delete;

    /// Errors: bad_address, invalid_argument (it is malformed, or too many files), bad_descriptor,
    /// not_permitted (somebody else's identity), too_many_in_flight, no_buffers, no_memory.
    [[nodiscard]] Status read(Process& self, VirtAddr from, std::uint32_t size) noexcept {
        if (size < sizeof(ControlHeader)) {
            return {};
        }
        if (size > most_bytes) {
            return fail(Errc::no_buffers);
        }
        bytes_ = {static_cast<std::byte*>(TRY(heap().allocate(size))), size};
        TRY(copy_in(bytes_, from));
        std::uint32_t count = 0;
        TRY(for_each([&](const ControlHeader& header, std::span<std::byte> data) noexcept {
            return look_at(self, header, data, count);
        }));
        if (count == 0) {
            return {};
        }
        files_ = TRY(sockets().make_parcel(count));
        return for_each([&](const ControlHeader& header, std::span<std::byte> data) noexcept {
            return header.type == control_files ? add_files(self, data) : Status();
        });
    }
    [[nodiscard]] Ref<fs::FileParcel> take_files() noexcept { return std::move(files_); }
    [[nodiscard]] const std::optional<fs::SocketIdentity>& identity() const noexcept { return as_; }

private:
    static constexpr std::uint32_t most_bytes = 20480;  // net.core.optmem_max

    /// Calls f(header, data) for each of this level. Error: invalid_argument, and f's.
    template <class F>
    [[nodiscard]] Status for_each(F&& f) noexcept {
        for (std::size_t at = 0; bytes_.size() - at >= sizeof(ControlHeader);) {
            ControlHeader header;
            std::memcpy(&header, bytes_.data() + at, sizeof header);
            if (header.length < sizeof header || header.length > bytes_.size() - at) {
                return fail(Errc::invalid_argument);
            }
            if (header.level == level_socket) {
                TRY(f(header, bytes_.subspan(at, header.length).subspan(sizeof header)));
            }
            at = std::min<std::size_t>(at + ((header.length + 3U) & ~3U), bytes_.size());
        }
        return {};
    }
    [[nodiscard]] Status look_at(Process& self, const ControlHeader& header,
                                 std::span<std::byte> data, std::uint32_t& count) noexcept {
        if (header.type == control_files) {
            count += static_cast<std::uint32_t>(data.size() / sizeof(std::uint32_t));
            return count <= most_passed_files ? Status() : fail(Errc::invalid_argument);
        }
        fs::SocketIdentity as;
        if (header.type != control_identity || data.size() != sizeof as) {
            return fail(Errc::invalid_argument);
        }
        std::memcpy(&as, data.data(), sizeof as);
        const auto who = self.who();
        if (!who->is_privileged() &&
            (as.pid != self.pid.value() || !who->user.has(as.uid) || !who->group.has(as.gid))) {
            return fail(Errc::not_permitted);
        }
        as_ = as;
        return {};
    }
    [[nodiscard]] Status add_files(Process& self, std::span<std::byte> data) noexcept {
        for (; data.size() >= sizeof(std::uint32_t); data = data.subspan(sizeof(std::uint32_t))) {
            std::uint32_t number = 0;
            std::memcpy(&number, data.data(), sizeof number);
            files_->add(TRY(self.files.share(Fd(number))));
        }
        return {};
    }

    std::span<std::byte> bytes_{};
    Ref<fs::FileParcel> files_{};
    std::optional<fs::SocketIdentity> as_{};
};
static_assert(sizeof(fs::SocketIdentity) == 12, "struct ucred");

/// Where recvmsg() puts what has come besides bytes.
class ReceivedControl {
public:
    ReceivedControl(VirtAddr to, std::uint32_t size) noexcept : start_(to), at_(to), left_(size) {}

    /// Returns flags for the receiver: MSG_CTRUNC, or none. Files get descriptors, as many as there
    /// is room for. Error: bad_address (for the identity; files behind it are let go).
    [[nodiscard]] Result<std::uint32_t> put(Process& self, const fs::Received& received,
                                            bool close_on_exec) noexcept {
        constexpr std::uint32_t cut = 0x8;  // MSG_CTRUNC
        if (start_ == VirtAddr(0)) {
            return received.wants_identity || received.files ? cut : 0U;
        }
        std::uint32_t flags = 0;
        if (received.wants_identity) {
            flags |= TRY(put_identity(received.identity.value_or(
                         fs::SocketIdentity{.pid = 0, .uid = unknown_user, .gid = unknown_user})))
                         ? 0
                         : cut;
        }
        if (received.files) {
            flags |= put_files(self, received.files->files(), close_on_exec) ? 0 : cut;
        }
        return flags;
    }
    /// Bytes that were written.
    [[nodiscard]] std::uint32_t size() const noexcept { return at_ - start_; }

private:
    /// False: not all of it, or nothing, had room.
    [[nodiscard]] Result<bool> put_identity(const fs::SocketIdentity& identity) noexcept {
        struct Item {
            ControlHeader header;
            fs::SocketIdentity identity;
        };
        if (left_ < sizeof(ControlHeader)) {
            return false;
        }
        const auto size = std::min<std::uint32_t>(left_, sizeof(Item));
        const Item item{{size, level_socket, control_identity}, identity};
        TRY(copy_out(at_, std::as_bytes(std::span(&item, 1)).first(size)));
        advance(size);
        return size == sizeof(Item);
    }
    [[nodiscard]] bool put_files(Process& self, std::span<Ref<fs::File>> files,
                                 bool close_on_exec) noexcept {
        constexpr std::uint32_t header_size = sizeof(ControlHeader);
        const std::uint32_t room = left_ <= header_size ? 0 : (left_ - header_size) / 4;
        const auto most = std::min<std::uint32_t>(room, static_cast<std::uint32_t>(files.size()));
        std::uint32_t done = 0;
        for (; done < most; ++done) {
            auto number = self.files.reserve();
            const VirtAddr place = at_ + (header_size + done * 4);
            if (!number || !put_user(UserPtr<std::uint32_t>(place), number->fd().value())) {
                break;
            }
            self.files.place(std::move(*number), files[done], close_on_exec);
        }
        if (done > 0) {
            const ControlHeader header{header_size + done * 4, level_socket, control_files};
            if (copy_out(at_, std::as_bytes(std::span(&header, 1)))) {
                advance(header.length);
            }
        }
        return done == files.size();
    }
    void advance(std::uint32_t size) noexcept {
        const std::uint32_t step = std::min((size + 3U) & ~3U, left_);
        at_ += step;
        left_ -= step;
    }

    const VirtAddr start_;
    VirtAddr at_;
    std::uint32_t left_;
};

}  // namespace kidney::kernel
