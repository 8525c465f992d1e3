// The process that a vsfs of the course runs in: asks nobody, judges nothing, answers
// (files/wire.hpp).
#include "course/judge/files/life.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"

namespace kidney::course::files {
namespace {

using System = fs::Vsfs<PlainHeap, LocalDisk, NullLock, NullLock, StillClock>;

/// What is said to a call.
struct Answer {
    Head head{.kind = static_cast<std::uint8_t>(Say::answer)};
    std::vector<std::byte> bytes{};

    void is(const Status& status) noexcept {
        head.status = status ? std::uint8_t{0}
                             : static_cast<std::uint8_t>(1 + static_cast<unsigned>(status.error()));
    }
    template <class T>
    bool is(const Result<T>& result) noexcept {
        is(result ? Status() : Status(fail(result.error())));
        return result.has_value();
    }
    template <class T>
    void add(const T& value) {
        const auto from = bytes_of(value);
        bytes.insert(bytes.end(), from.begin(), from.end());
    }
};

struct Question {
    Head head;
    std::vector<std::byte> bytes;

    bool receive() {
        if (!read_all(&head, sizeof(head)) || head.length > most_bytes) {
            return false;
        }
        bytes.resize(head.length);
        return read_all(bytes.data(), head.length);
    }
    template <class T>
    [[nodiscard]] T as() const {
        T value{};
        std::memcpy(&value, bytes.data(), std::min(sizeof(T), bytes.size()));
        return value;
    }
    [[nodiscard]] std::string_view text(std::size_t at, std::size_t length) const {
        return at + length <= bytes.size()
                   ? std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, length)
                   : std::string_view();
    }
};

/// A mounted file system and the nodes that the judge refers to.
class Mounted {
public:
    explicit Mounted(LocalDisk& disk) : system_(heap_, disk, clock_, 1) {}

    void begin(Answer& answer) {
        const Status mounted = system_.mount();
        answer.is(mounted);
        if (mounted) {
            node(system_.root(), answer);
        }
    }
    void act(const Question& question, Answer& answer) {
        const Head& q = question.head;
        switch (static_cast<Ask>(q.kind)) {
            case Ask::sync:
                return answer.is(system_.sync());
            case Ask::unmount:
                nodes_.clear();
                return answer.is(system_.unmount());
            case Ask::status: {
                const fs::FileSystemStatus s = system_.status();
                return answer.add(s);
            }
            case Ask::drop:
                if (q.a >= 1 && q.a <= nodes_.size()) {
                    nodes_[q.a - 1].reset();
                }
                return;
            default:
                break;
        }
        fs::Vnode* const at = find(q.a);
        if (at == nullptr) {
            return answer.is(Status(fail(Errc::bad_descriptor)));
        }
        act_on(*at, question, answer);
    }

private:
    [[nodiscard]] fs::Vnode* find(std::uint64_t number) {
        return number >= 1 && number <= nodes_.size() ? nodes_[number - 1].get() : nullptr;
    }
    void node(const Ref<fs::Vnode>& found, Answer& answer) {
        answer.head.b = static_cast<std::uint64_t>(found->type());
        std::size_t at = 0;
        while (at < nodes_.size() && nodes_[at] != found) {
            ++at;
        }
        for (std::size_t free = 0; at == nodes_.size() && free < nodes_.size(); ++free) {
            at = nodes_[free] ? at : free;
        }
        if (at == nodes_.size()) {
            nodes_.emplace_back();
        }
        nodes_[at] = found;
        answer.head.a = at + 1;
    }
    void node(const Result<Ref<fs::Vnode>>& found, Answer& answer) {
        if (answer.is(found)) {
            node(*found, answer);
        }
    }

    void act_on(fs::Vnode& at, const Question& question, Answer& answer) {
        const auto call = question.as<NodeCall>();
        const std::string_view first = question.text(sizeof(NodeCall), call.first_length);
        const std::string_view second =
            question.text(sizeof(NodeCall) + call.first_length, call.second_length);
        switch (static_cast<Ask>(question.head.kind)) {
            case Ask::attributes:
                return attributes(at, answer);
            case Ask::set_attributes:
                return answer.is(at.set_attributes(change_of(call)));
            case Ask::lookup:
                return node(at.lookup(first), answer);
            case Ask::parent:
                return node(at.parent(), answer);
            case Ask::create:
                return node(at.create(first, {.type = static_cast<fs::NodeType>(call.type),
                                              .permissions = fs::Permissions(
                                                  static_cast<std::uint16_t>(call.permissions)),
                                              .uid = call.uid,
                                              .gid = call.gid,
                                              .target = second}),
                            answer);
            case Ask::link:
            case Ask::unlink:
            case Ask::rename:
                return names(at, question, call, first, second, answer);
            case Ask::list:
                return list(at, question.head.b, answer);
            default:
                return data(at, question, answer);
        }
    }
    static fs::AttributeChange change_of(const NodeCall& call) {
        fs::AttributeChange change;
        const auto has = [&](unsigned bit) { return (call.changes >> bit & 1U) != 0; };
        if (has(0)) {
            change.permissions = fs::Permissions(static_cast<std::uint16_t>(call.permissions));
        }
        if (has(1)) {
            change.uid = call.uid;
        }
        if (has(2)) {
            change.gid = call.gid;
        }
        if (has(3)) {
            change.size = call.size;
        }
        if (has(4)) {
            change.accessed = fs::FileTime{call.accessed, 0};
        }
        if (has(5)) {
            change.modified = fs::FileTime{call.modified, 0};
        }
        return change;
    }
    static void attributes(fs::Vnode& at, Answer& answer) {
        const Result<fs::Attributes> a = at.attributes();
        if (answer.is(a)) {
            answer.add(AttributesAnswer{.inode = a->inode,
                                        .size = a->size,
                                        .blocks = a->blocks,
                                        .type = static_cast<std::uint32_t>(a->type),
                                        .permissions = a->permissions.bits(),
                                        .links = a->links,
                                        .uid = a->uid,
                                        .gid = a->gid,
                                        .accessed = a->accessed.seconds,
                                        .modified = a->modified.seconds,
                                        .changed = a->changed.seconds});
        }
    }
    void names(fs::Vnode& at, const Question& question, const NodeCall& call,
               std::string_view first, std::string_view second, Answer& answer) {
        fs::Vnode* const other = find(call.node);
        fs::Vnode* const parent = find(call.new_parent);
        if (other == nullptr ||
            (static_cast<Ask>(question.head.kind) == Ask::rename && parent == nullptr)) {
            return answer.is(Status(fail(Errc::bad_descriptor)));
        }
        switch (static_cast<Ask>(question.head.kind)) {
            case Ask::link:
                return answer.is(at.link(first, *other));
            case Ask::unlink:
                return answer.is(at.unlink(first, *other));
            default:
                return answer.is(at.rename({.name = first,
                                            .node = *other,
                                            .new_parent = *parent,
                                            .new_name = second,
                                            .replaced = find(call.replaced),
                                            .exchange = call.exchange != 0}));
        }
    }
    struct Sink final : fs::DirectorySink {
        explicit Sink(Answer& to) : answer(to) {}
        bool accept(const fs::DirectoryEntry& entry) noexcept override {
            if (count == entries_at_a_time) {
                return false;
            }
            ++count;
            EntryAnswer one{.inode = entry.inode,
                            .cookie = entry.next_cookie,
                            .type = static_cast<std::uint32_t>(entry.type),
                            .length = static_cast<std::uint32_t>(entry.name.size())};
            std::memcpy(one.name.data(), entry.name.data(),
                        std::min(entry.name.size(), one.name.size()));
            answer.add(one);
            return true;
        }
        Answer& answer;
        std::size_t count = 0;
    };
    static void list(fs::Vnode& at, std::uint64_t cookie, Answer& answer) {
        Sink sink(answer);
        answer.is(at.read_directory(cookie, sink));
    }
    static void data(fs::Vnode& at, const Question& question, Answer& answer) {
        const Head& q = question.head;
        Result<std::size_t> count = fail(Errc::not_supported);
        switch (static_cast<Ask>(q.kind)) {
            case Ask::read: {
                answer.bytes.resize(std::min<std::size_t>(q.more, most_bytes));
                fs::SpanReadBuffer to(answer.bytes);
                count = at.read(q.b, to);
                answer.bytes.resize(count ? std::min(*count, answer.bytes.size()) : 0);
                break;
            }
            case Ask::read_link:
                answer.bytes.resize(std::min<std::size_t>(q.more, most_bytes));
                count = at.read_link(
                    {reinterpret_cast<char*>(answer.bytes.data()), answer.bytes.size()});
                answer.bytes.resize(count ? std::min(*count, answer.bytes.size()) : 0);
                break;
            case Ask::write: {
                fs::SpanWriteBuffer from(question.bytes);
                count = at.write(q.b, from);
                break;
            }
            case Ask::append: {
                fs::SpanWriteBuffer from(question.bytes);
                count = at.append(from, answer.head.b);
                break;
            }
            case Ask::sync_node:
                return answer.is(at.sync());
            default:
                break;
        }
        if (answer.is(count)) {
            answer.head.a = *count;
        }
    }

    PlainHeap heap_;
    StillClock clock_;
    System system_;
    std::vector<Ref<fs::Vnode>> nodes_;
};

/// Files and Directories, function by function.
class Units {
public:
    explicit Units(LocalDisk& disk) : volume_(heap_, disk) {}

    void begin(Answer& answer) { answer.is(volume_.load()); }
    void act(const Question& question, Answer& answer) {
        call_ = question.as<UnitCall>();
        UnitAnswer found;
        found.inode = call_.inode;
        std::vector<SlotAnswer> slots;
        const auto op = static_cast<UnitOp>(question.head.a);
        answer.is(volume_.blocks().run([&]() -> Status { return act(op, found, slots); }));
        answer.add(found);
        for (const SlotAnswer& slot : slots) {
            answer.add(slot);
        }
    }

private:
    [[nodiscard]] Status act(UnitOp op, UnitAnswer& found, std::vector<SlotAnswer>& slots) {
        const std::string_view name(call_.name.data(), call_.length);
        switch (op) {
            case UnitOp::inode:
                found.inode = TRY(files_.inode(call_.number));
                return {};
            case UnitOp::put:
                return files_.put(call_.number, call_.inode);
            case UnitOp::take_inode:
                found.value = TRY(files_.take_inode());
                return {};
            case UnitOp::free_inode:
                return files_.free_inode(call_.number, call_.inode);
            case UnitOp::find_block:
                found.value = TRY(files_.find_block(call_.inode, call_.index));
                return {};
            case UnitOp::make_block: {
                const std::span<std::byte> bytes = TRY(files_.make_block(found.inode, call_.index));
                if (call_.fill != 0) {
                    std::memset(bytes.data(), call_.fill, fs::vsfs::block_size);
                }
                return {};
            }
            case UnitOp::shrink:
                return files_.shrink(found.inode, call_.size);
            case UnitOp::count_blocks:
                found.value = TRY(files_.count_blocks(call_.inode));
                return {};
            case UnitOp::find: {
                const auto there = TRY(directories_.find(call_.inode, name));
                found.value = there.slot;
                found.entry = there.entry;
                return {};
            }
            case UnitOp::for_each:
                return directories_.for_each_entry(
                    call_.inode, call_.index, [&](std::uint32_t slot, const fs::vsfs::Entry& e) {
                        slots.push_back({slot, e});
                        return slots.size() < call_.size;
                    });
            case UnitOp::add:
                return directories_.add(found.inode, name, call_.number, call_.mode);
            case UnitOp::put_entry:
                return directories_.put(found.inode, call_.index, call_.entry);
            case UnitOp::is_empty:
                found.value = TRY(directories_.is_empty(call_.inode)) ? 1 : 0;
                return {};
        }
        return fail(Errc::not_implemented);
    }

    PlainHeap heap_;
    fs::vsfs::Volume<LocalDisk, PlainHeap> volume_;
    fs::vsfs::Files<LocalDisk, PlainHeap> files_{volume_};
    fs::vsfs::Directories<LocalDisk, PlainHeap> directories_{volume_, files_};
    UnitCall call_;
};

/// Answers until the power goes off. What is left of it nobody looks at.
template <class Subject>
void live(LocalDisk& disk) {
    auto* const subject = new Subject(disk);  // never destroyed: the power is off then
    const auto work = [&](auto&& what) {
        Answer answer;
        process::left = process::most_steps;
        process::at_work = true;
        what(answer);
        process::at_work = false;
        answer.head.requests = disk.requests();
        return answer;
    };
    const auto tell = [](const Answer& answer) { say(answer.head, answer.bytes); };
    tell(work([&](Answer& answer) { subject->begin(answer); }));
    Question question;
    while (question.receive() && static_cast<Ask>(question.head.kind) != Ask::end) {
        const Answer answer = work([&](Answer& to) { subject->act(question, to); });
        if (static_cast<Ask>(question.head.kind) != Ask::drop) {
            tell(answer);
        }
    }
}

}  // namespace
}  // namespace kidney::course::files

int main() {
    using namespace kidney::course::files;
    return serve([](LocalDisk& disk, const Head& head) {
        static_cast<Ask>(head.kind) == Ask::mount ? live<Mounted>(disk) : live<Units>(disk);
    });
}
