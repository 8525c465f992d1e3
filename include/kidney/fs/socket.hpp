/// A socket of this machine (AF_UNIX) as those who serve system calls see it: what a `File` that is
/// one can do besides reading and writing. The engine is fs/socket.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/mount.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::fs {

enum class SocketType : std::uint8_t {
    stream,    ///< bytes, over a connection
    datagram,  ///< messages, with or without a fixed receiver
    packets,   ///< messages, over a connection
};

/// What a socket is called: a path as somebody wrote it, or bytes that mean nothing elsewhere.
class SocketName {
public:
    static constexpr std::size_t longest = 108;
    enum class Kind : std::uint8_t { none, path, abstract };

    constexpr SocketName() noexcept = default;
    /// The first `longest` bytes of `text`.
    SocketName(Kind kind, std::string_view text) noexcept
        : kind_(kind), size_(static_cast<std::uint8_t>(std::min(text.size(), longest))) {
        std::copy_n(text.data(), size_, text_.data());
    }
    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    friend bool operator==(const SocketName& a, const SocketName& b) noexcept {
        return a.kind_ == b.kind_ && a.view() == b.view();
    }

private:
    Kind kind_ = Kind::none;
    std::uint8_t size_ = 0;
    std::array<char, longest> text_{};
};

/// Whom a name means: the node that a path led to, or what has the abstract name.
struct SocketTarget {
    SocketName name{};
    Ref<Vnode> node{};
};

/// Who sends, or is at the other end.
struct SocketIdentity {
    std::int32_t pid = 0;
    std::uint32_t uid = 0, gid = 0;
    friend bool operator==(const SocketIdentity&, const SocketIdentity&) noexcept = default;
};

/// Open files on their way from one process to another.
class FileParcel : public RefCounted {
public:
    [[nodiscard]] virtual std::span<Ref<File>> files() noexcept = 0;
    /// There is room: it was made for so many.
    virtual void add(Ref<File> file) noexcept = 0;
    virtual void dispose() noexcept = 0;

protected:
    FileParcel() noexcept = default;
    ~FileParcel() = default;
};

struct SendRequest {
    const SocketTarget* to = nullptr;  ///< null: the one that it is connected to
    bool non_blocking = false;
    std::optional<SocketIdentity> as{};  ///< what the receiver is told, if not who it is
    Ref<FileParcel> files{};
};

struct ReceiveRequest {
    bool non_blocking = false;
    bool peek = false;      ///< leave it there
    bool wait_all = false;  ///< of a stream: until the buffer is full
};
struct Received {
    std::size_t size = 0;    ///< bytes in the buffer
    std::size_t length = 0;  ///< of the message; of a stream as `size`
    SocketName sender{};
    bool has_sender = false;
    bool wants_identity = false;               ///< the receiver has asked to be told who sends
    std::optional<SocketIdentity> identity{};  ///< if the sender was asked in time
    Ref<FileParcel> files{};
};

/// What can be asked of a socket at one moment.
struct SocketFacts {
    bool is_listening = false;
    bool passes_identity = false;
    std::uint32_t send_limit = 0, receive_limit = 0;  ///< bytes
    std::uint32_t low_water = 1;                      ///< bytes that a receiver waits for
    Duration send_timeout = Duration::longest(), receive_timeout = Duration::longest();
    std::optional<SocketIdentity> peer{};
    std::uint32_t unread = 0;  ///< bytes a receiver would find; of datagrams the first's
    std::uint32_t unsent = 0;  ///< bytes of memory that what nobody has received yet takes
};

/// A number that programs set and get, and that means nothing here.
enum class SocketNote : std::uint8_t {
    debug,
    reuse_address,
    do_not_route,
    broadcast,
    keep_alive,
    out_of_band_inline,
    no_check,
    priority,
    linger,
    linger_seconds,
    reuse_port,
    pass_security,
    time_stamp,
    mark,
};
inline constexpr std::size_t socket_notes = 14;

/// Errors as POSIX has them for the calls of these names. Concurrency: any thread; may sleep.
class SocketCalls {
public:
    [[nodiscard]] virtual SocketType type() const noexcept = 0;

    // Names. One that is a path is bound in steps, because a node is made in between: each
    // begin_binding() that succeeds has its bind_to_node() or cancel_binding().
    /// Error: invalid_argument (it has a name, or is getting one).
    [[nodiscard]] virtual Status begin_binding() noexcept = 0;
    virtual void cancel_binding() noexcept = 0;
    virtual void bind_to_node(const SocketName& name, Ref<Mount> mount,
                              Ref<Vnode> node) noexcept = 0;
    /// Errors: invalid_argument, address_in_use.
    [[nodiscard]] virtual Status bind_abstract(const SocketName& name) noexcept = 0;
    /// A name that nobody has, unless it has one already. Error: invalid_argument, no_space.
    [[nodiscard]] virtual Status bind_anywhere() noexcept = 0;
    [[nodiscard]] virtual SocketName name() noexcept = 0;
    /// Error: not_connected.
    [[nodiscard]] virtual Result<SocketName> peer_name() noexcept = 0;

    // Connections.
    [[nodiscard]] virtual Status listen(std::uint32_t backlog) noexcept = 0;
    /// Errors: connection_refused, wrong_protocol, is_connected, not_permitted, would_block,
    /// interrupted, no_memory, file_table_full.
    [[nodiscard]] virtual Status connect(const SocketTarget& to) noexcept = 0;
    /// A datagram socket sends to nobody in particular any more.
    [[nodiscard]] virtual Status disconnect() noexcept = 0;
    /// `from` becomes the name of who has connected.
    [[nodiscard]] virtual Result<Ref<File>> accept(bool non_blocking,
                                                   SocketName& from) noexcept = 0;
    [[nodiscard]] virtual Status shutdown(bool reading, bool writing) noexcept = 0;

    // Data. What has moved counts before what went wrong, as with read() and write().
    [[nodiscard]] virtual Result<std::size_t> send(SendRequest& request,
                                                   WriteBuffer& from) noexcept = 0;
    [[nodiscard]] virtual Status receive(const ReceiveRequest& request, ReadBuffer& to,
                                         Received& received) noexcept = 0;

    // Options.
    [[nodiscard]] virtual SocketFacts facts() noexcept = 0;
    /// What went wrong behind the owner's back, told once.
    [[nodiscard]] virtual Status take_error() noexcept = 0;
    virtual void set_passes_identity(bool on) noexcept = 0;
    virtual void set_send_limit(std::uint32_t bytes) noexcept = 0;
    virtual void set_receive_limit(std::uint32_t bytes) noexcept = 0;
    virtual void set_low_water(std::uint32_t bytes) noexcept = 0;
    virtual void set_send_timeout(Duration timeout) noexcept = 0;
    virtual void set_receive_timeout(Duration timeout) noexcept = 0;
    [[nodiscard]] std::atomic<std::uint32_t>& note(SocketNote which) noexcept {
        return notes_[static_cast<std::size_t>(which)];
    }

protected:
    ~SocketCalls() = default;

private:
    std::array<std::atomic<std::uint32_t>, socket_notes> notes_{};
};

}  // namespace kidney::fs
