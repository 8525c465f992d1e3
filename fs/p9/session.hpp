/// A conversation with a server of 9P2000.L: one function for each message. The server is not
/// trusted: a reply that is not what it should be is an io_error, and changes nothing here.
#pragma once

#include "fs/p9/fids.hpp"
#include "fs/p9/message.hpp"
#include "kidney/fs/message_channel.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs::p9 {

/// What a server tells of a file.
struct ToldAttributes {
    Qid qid;
    Attributes attributes;
};

/// Concurrency: none; one message is under way at a time. Errors of every function: io_error (the
/// server is gone, or talks nonsense), and what the server answers.
template <MessageChannel Channel, mm::ObjectAllocator Heap>
class Session {
public:
    Session(Heap& heap, Channel& channel) noexcept : heap_(heap), channel_(channel) {}
    ~Session() {
        if (memory_ != nullptr) {
            heap_.free(memory_, 2 * allocated_);
        }
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Begins, as the user that the server runs as: the fid of the root and its name. Errors also:
    /// no_memory, not_supported (another version, or messages that are too small).
    [[nodiscard]] Result<std::pair<std::uint32_t, Qid>> start(std::size_t most) noexcept {
        allocated_ = std::min({channel_.max_message(), most, most_ever});
        if (allocated_ < smallest_size) {
            return fail(Errc::not_supported);
        }
        memory_ = static_cast<std::byte*>(TRY(heap_.allocate(2 * allocated_)));
        size_ = allocated_;
        Request hello(buffer(), Message::negotiate, no_tag);
        hello.number(static_cast<std::uint32_t>(size_)).text(version);
        Reply reply = TRY(ask(hello, no_tag));
        const auto agreed = reply.number<std::uint32_t>();
        const bool is_ours = reply.text() == version;
        TRY(reply.end());
        if (!is_ours || agreed < smallest_size || agreed > size_) {
            return fail(Errc::not_supported);
        }
        size_ = agreed;
        const std::uint32_t fid = TRY(fids_.take());
        Request attach = request(Message::attach);
        attach.number(fid).number(no_fid).text("").text("").number(no_user);
        return std::pair(fid, TRY(qid_of(attach)));
    }
    /// Bytes of data that go with one message, at most.
    [[nodiscard]] std::size_t piece() const noexcept { return size_ - data_overhead; }
    [[nodiscard]] const Fids& fids() const noexcept { return fids_; }

    /// A fid in hand for a scope, unless it is kept.
    class HeldFid {
    public:
        HeldFid(Session& session, std::uint32_t fid) noexcept : session_(session), fid_(fid) {}
        HeldFid(HeldFid&& other) noexcept : session_(other.session_), fid_(other.keep()) {}
        ~HeldFid() { session_.forget(fid_); }
        HeldFid(const HeldFid&) = delete;
        HeldFid& operator=(const HeldFid&) = delete;
        HeldFid& operator=(HeldFid&&) = delete;

        [[nodiscard]] std::uint32_t get() const noexcept { return fid_; }
        [[nodiscard]] std::uint32_t keep() noexcept { return std::exchange(fid_, no_fid); }

    private:
        Session& session_;
        std::uint32_t fid_;
    };
    /// A fid for what `name` means in `directory`, and the qid of that. Errors also: not_found,
    /// file_table_full.
    [[nodiscard]] Result<std::pair<HeldFid, Qid>> walk(std::uint32_t directory,
                                                       std::string_view name) noexcept {
        const std::uint32_t fid = TRY(fids_.take());
        Request walk = request(Message::walk);
        walk.number(directory).number(fid).number(std::uint16_t{1}).text(name);
        const Result<Qid> qid = walked(walk);
        if (!qid) {
            not_walked(fid, qid.error());
            return fail(qid.error());
        }
        return std::pair(HeldFid(*this, fid), *qid);
    }
    /// Another fid for the same file, to be opened.
    [[nodiscard]] Result<HeldFid> clone(std::uint32_t of) noexcept {
        const std::uint32_t fid = TRY(fids_.take());
        Request walk = request(Message::walk);
        walk.number(of).number(fid).number(std::uint16_t{0});
        Status cloned;
        if (Result<Reply> reply = ask(walk)) {
            const auto count = reply->template number<std::uint16_t>();
            cloned = count == 0 ? reply->end() : Status(fail(Errc::io_error));
        } else {
            cloned = fail(reply.error());
        }
        if (!cloned) {
            not_walked(fid, cloned.error());
            return fail(cloned.error());
        }
        return HeldFid(*this, fid);
    }
    /// The server forgets it, whatever it answers. no_fid: nothing.
    void forget(std::uint32_t fid) noexcept {
        if (fid != no_fid) {
            Request forget = request(Message::forget);
            forget.number(fid);
            ignore_error(ask(forget), "the fid is gone in any case");
            fids_.give_back(fid);
        }
    }

    [[nodiscard]] Result<Qid> open(std::uint32_t fid, std::uint32_t flags) noexcept {
        Request open = request(Message::open);
        open.number(fid).number(flags | open_large | open_no_follow);
        return opened(open);
    }
    /// A new file; the fid, of its directory until then, is that of the open file.
    [[nodiscard]] Result<Qid> create(std::uint32_t fid, std::string_view name,
                                     const NewNode& what) noexcept {
        Request create = request(Message::create);
        create.number(fid).text(name).number(open_both | open_exclusive | open_large);
        create.number(std::uint32_t{what.permissions.bits()}).number(what.gid);
        return opened(create);
    }
    [[nodiscard]] Result<Qid> make_directory(std::uint32_t directory, std::string_view name,
                                             const NewNode& what) noexcept {
        Request make = request(Message::make_directory);
        make.number(directory).text(name);
        return qid_of(make.number(std::uint32_t{what.permissions.bits()}).number(what.gid));
    }
    [[nodiscard]] Result<Qid> make_symlink(std::uint32_t directory, std::string_view name,
                                           const NewNode& what) noexcept {
        Request make = request(Message::symlink);
        return qid_of(make.number(directory).text(name).text(what.target).number(what.gid));
    }
    [[nodiscard]] Result<Qid> make_node(std::uint32_t directory, std::string_view name,
                                        const NewNode& what) noexcept {
        Request make = request(Message::make_node);
        make.number(directory).text(name);
        make.number(mode_of(what.type) | what.permissions.bits());
        return qid_of(make.number(what.rdev.major).number(what.rdev.minor).number(what.gid));
    }
    [[nodiscard]] Status link(std::uint32_t directory, std::uint32_t fid,
                              std::string_view name) noexcept {
        Request link = request(Message::link);
        return done(link.number(directory).number(fid).text(name));
    }
    [[nodiscard]] Status rename(std::uint32_t from, std::string_view name, std::uint32_t to,
                                std::string_view new_name) noexcept {
        Request rename = request(Message::rename);
        return done(rename.number(from).text(name).number(to).text(new_name));
    }
    [[nodiscard]] Status unlink(std::uint32_t directory, std::string_view name,
                                std::uint32_t flags) noexcept {
        Request unlink = request(Message::unlink);
        return done(unlink.number(directory).text(name).number(flags));
    }

    /// `inode` is qid.path; the device is the caller's business.
    [[nodiscard]] Result<ToldAttributes> attributes(std::uint32_t fid) noexcept {
        Request get = request(Message::get_attributes);
        Reply reply = TRY(ask(get.number(fid).number(basic_attributes)));
        ToldAttributes told;
        Attributes& a = told.attributes;
        static_cast<void>(reply.number<std::uint64_t>());  // which of these are true: all
        told.qid = reply.qid();
        const auto mode = reply.number<std::uint32_t>();
        a.inode = told.qid.path;
        a.permissions = Permissions(static_cast<std::uint16_t>(mode & 07777));
        a.uid = reply.number<std::uint32_t>();
        a.gid = reply.number<std::uint32_t>();
        a.links = clipped(reply.number<std::uint64_t>());
        const auto device = reply.number<std::uint64_t>();
        a.rdev.major = static_cast<std::uint32_t>(device >> 8) & 0xFFFU;
        a.rdev.minor = static_cast<std::uint32_t>((device & 0xFF) | (device >> 12 & 0xFFF00));
        a.size = std::min(reply.number<std::uint64_t>(), max_file);
        a.block_size = std::clamp<std::uint32_t>(clipped(reply.number<std::uint64_t>()), 512,
                                                 std::uint32_t{1} << 20);
        a.blocks = reply.number<std::uint64_t>();
        a.accessed = time(reply);
        a.modified = time(reply);
        a.changed = time(reply);
        constexpr std::size_t not_basic = 32;  // birth, generation, data version
        static_cast<void>(reply.bytes(not_basic));
        TRY(reply.end());
        a.type = TRY(type_of(mode));
        return told;
    }
    [[nodiscard]] Status set_attributes(std::uint32_t fid, const AttributeChange& change) noexcept {
        const std::uint32_t valid =
            (change.permissions ? set_mode : 0) | (change.uid ? set_uid : 0) |
            (change.gid ? set_gid : 0) | (change.size ? set_size : 0) |
            (change.accessed ? set_accessed : 0) | (change.modified ? set_modified : 0);
        Request set = request(Message::set_attributes);
        set.number(fid).number(valid);
        set.number(std::uint32_t{change.permissions.value_or(Permissions()).bits()});
        set.number(change.uid.value_or(0)).number(change.gid.value_or(0));
        set.number(change.size.value_or(0));
        for (const FileTime& time :
             {change.accessed.value_or(FileTime()), change.modified.value_or(FileTime())}) {
            set.number(static_cast<std::uint64_t>(time.seconds));
            set.number(std::uint64_t{time.nanoseconds});
        }
        return done(set);
    }
    /// Copies the target, as far as there is room; how much.
    [[nodiscard]] Result<std::size_t> read_link(std::uint32_t fid, std::span<char> to) noexcept {
        Request read = request(Message::read_link);
        Reply reply = TRY(ask(read.number(fid)));
        const std::string_view target = reply.text();
        TRY(reply.end());
        const std::size_t length = std::min(target.size(), to.size());
        std::copy_n(target.data(), length, to.data());
        return length;
    }

    /// `sink` gets what there is from `offset` on, at most `count` and piece() bytes.
    template <class Sink>
    [[nodiscard]] Result<std::size_t> read(Message how, std::uint32_t fid, std::uint64_t offset,
                                           std::size_t count, Sink&& sink) noexcept {
        count = std::min(count, piece());
        Request read = request(how);
        Reply reply =
            TRY(ask(read.number(fid).number(offset).number(static_cast<std::uint32_t>(count))));
        const auto got = reply.number<std::uint32_t>();
        if (got > count) {
            return fail(Errc::io_error);
        }
        const std::span<const std::byte> bytes = reply.bytes(got);
        TRY(reply.end());
        sink(bytes);
        return std::size_t{got};
    }
    /// At most piece() bytes; how many were stored, at least one.
    [[nodiscard]] Result<std::size_t> write(std::uint32_t fid, std::uint64_t offset,
                                            std::span<const std::byte> bytes) noexcept {
        Request write = request(Message::write);
        write.number(fid).number(offset).number(static_cast<std::uint32_t>(bytes.size()));
        Reply reply = TRY(ask(write.bytes(bytes)));
        const auto stored = reply.number<std::uint32_t>();
        TRY(reply.end());
        return stored == 0 || stored > bytes.size() ? Result<std::size_t>(fail(Errc::io_error))
                                                    : std::size_t{stored};
    }
    [[nodiscard]] Status sync(std::uint32_t fid) noexcept {
        Request sync = request(Message::sync);
        return done(sync.number(fid).number(std::uint32_t{0}));
    }
    [[nodiscard]] Result<FileSystemStatus> status(std::uint32_t fid) noexcept {
        Request get = request(Message::status);
        Reply reply = TRY(ask(get.number(fid)));
        FileSystemStatus s;
        static_cast<void>(reply.number<std::uint32_t>());  // what the folder lies on
        s.block_size = std::max<std::uint32_t>(reply.number<std::uint32_t>(), 1);
        s.blocks = reply.number<std::uint64_t>();
        s.free_blocks = std::min(reply.number<std::uint64_t>(), s.blocks);
        static_cast<void>(reply.number<std::uint64_t>());  // free to others than root
        s.nodes = reply.number<std::uint64_t>();
        s.free_nodes = std::min(reply.number<std::uint64_t>(), s.nodes);
        constexpr std::size_t rest = 12;  // its number, the longest name
        static_cast<void>(reply.bytes(rest));
        TRY(reply.end());
        return s;
    }
    static constexpr std::uint64_t max_file = std::numeric_limits<std::int64_t>::max();

private:
    static constexpr std::size_t most_ever = std::size_t{64} << 10;
    static constexpr std::uint16_t tag = 1;

    [[nodiscard]] std::span<std::byte> buffer() const noexcept { return {memory_, size_}; }
    [[nodiscard]] Request request(Message type) noexcept { return {buffer(), type, tag}; }
    /// The body of the reply, until the next message.
    [[nodiscard]] Result<Reply> ask(Request& request, std::uint16_t its_tag = tag) noexcept {
        const std::span<std::byte> room(memory_ + allocated_, size_);
        const Result<std::size_t> got = channel_.exchange(TRY(request.finish()), room);
        if (!got || *got < header_size || *got > size_) {
            return fail(Errc::io_error);
        }
        Reply reply(room.first(*got));
        const auto size = reply.number<std::uint32_t>();
        const auto type = reply.number<std::uint8_t>();
        const auto to = reply.number<std::uint16_t>();
        if (size != *got || to != its_tag) {
            return fail(Errc::io_error);
        }
        if (type == static_cast<std::uint8_t>(Message::error) + 1) {
            const auto number = reply.number<std::uint32_t>();
            return fail(reply.end() ? error_of(number) : Errc::io_error);
        }
        return type == static_cast<std::uint8_t>(request.type()) + 1
                   ? Result<Reply>(reply)
                   : Result<Reply>(fail(Errc::io_error));
    }
    [[nodiscard]] Status done(Request& request) noexcept { return TRY(ask(request)).end(); }
    [[nodiscard]] Result<Qid> qid_of(Request& request) noexcept {
        Reply reply = TRY(ask(request));
        const Qid qid = reply.qid();
        TRY(reply.end());
        return qid;
    }
    [[nodiscard]] Result<Qid> opened(Request& request) noexcept {
        Reply reply = TRY(ask(request));
        const Qid qid = reply.qid();
        static_cast<void>(reply.number<std::uint32_t>());  // bytes that it likes to move
        TRY(reply.end());
        return qid;
    }
    [[nodiscard]] Result<Qid> walked(Request& walk) noexcept {
        Reply reply = TRY(ask(walk));
        const auto count = reply.number<std::uint16_t>();
        const Qid qid = reply.qid();
        TRY(reply.end());
        return count == 1 ? Result<Qid>(qid) : fail(Errc::io_error);
    }
    /// An answer that we did not understand may have been that there is a new fid.
    void not_walked(std::uint32_t fid, Errc why) noexcept {
        if (why == Errc::io_error) {
            forget(fid);
        } else {
            fids_.give_back(fid);
        }
    }
    [[nodiscard]] static std::uint32_t clipped(std::uint64_t value) noexcept {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
    }
    [[nodiscard]] static FileTime time(Reply& reply) noexcept {
        constexpr std::uint64_t most = 999'999'999;
        const auto seconds = static_cast<std::int64_t>(reply.number<std::uint64_t>());
        return {seconds, static_cast<std::uint32_t>(std::min(reply.number<std::uint64_t>(), most))};
    }

    Heap& heap_;
    Channel& channel_;
    std::byte* memory_ = nullptr;  ///< a request and a reply
    std::size_t allocated_ = 0;    ///< bytes for each
    std::size_t size_ = 0;         ///< the server's limit, if that is less
    Fids fids_;
};

}  // namespace kidney::fs::p9
