/// An entry of /proc.
#pragma once

#include "fs/procfs/proc_id.hpp"
#include "fs/procfs/process_files.hpp"
#include "fs/procfs/process_source.hpp"
#include "fs/procfs/text_file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

template <class Fs>
class ProcNode final : public Vnode {
    using Kind = ProcId::Kind;

public:
    ProcNode(Fs& fs, ProcId id) noexcept : fs_(fs), id_(id) {}
    [[nodiscard]] NodeType type() const noexcept override { return type_of(id_.kind); }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        Attributes a;
        a.inode = id_.inode();
        a.device = fs_.device();
        a.type = type();
        a.permissions = permissions();
        a.links = a.type == NodeType::directory ? 2 + directories_inside() : 1;
        a.block_size = 1024;
        a.accessed = a.modified = a.changed = fs_.booted();
        if (id_.kind == Kind::descriptor) {
            const Ref<File> file = TRY(fs_.processes().descriptor(id_.pid, id_.number));
            a.permissions =
                Permissions((file->is_readable() ? 0500 : 0) | (file->is_writable() ? 0300 : 0));
            a.size = 64;  // as Linux has it
        }
        if (id_.kind == Kind::fixed_link) {
            a.size = fs_.entries()[id_.number].target.size();
        }
        if (id_.pid != 0) {
            const ProcessOwner owner = TRY(fs_.processes().owner(id_.pid));
            if (owner.is_open || id_.kind == Kind::process || id_.kind == Kind::task) {
                a.uid = owner.uid;
                a.gid = owner.gid;
            }
        }
        return a;
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        return change.size ? Status() : Status(fail(Errc::not_permitted));  // O_TRUNC: as it is
    }

    // Directories.
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        const ProcId id = TRY(find(name));
        return Ref<Vnode>(TRY(fs_.node(id)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        const ProcId up = is_list() || id_.kind == Kind::tasks ? ProcId{Kind::process, id_.pid, 0}
                          : id_.kind == Kind::task             ? ProcId{Kind::tasks, id_.number, 0}
                          : id_.kind == Kind::directory        ? fs_.entries()[id_.number].parent
                                                               : ProcId{};
        return Ref<Vnode>(TRY(fs_.node(up)));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view, const NewNode&) noexcept override {
        return fail(Errc::not_found);  // as Linux says
    }
    [[nodiscard]] Status unlink(std::string_view, Vnode&) noexcept override {
        return fail(Errc::not_permitted);
    }
    /// Cookies: 1 and 2 behind "." and "..", then `fixed + n` behind the n-th fixed entry, then
    /// `moving + number` behind process or descriptor `number`.
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        const Ref<Vnode> up = TRY(parent());
        const std::uint64_t up_inode = TRY(up->attributes()).inode;
        if ((cookie < 1 && !sink.accept({id_.inode(), NodeType::directory, ".", 1})) ||
            (cookie < 2 && !sink.accept({up_inode, NodeType::directory, "..", 2}))) {
            return {};
        }
        if (cookie < moving && !list_fixed(cookie, sink)) {
            return {};
        }
        return list_moving(cookie, sink);
    }

    // Links.
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        TextBuffer<longest_link> text;
        if (id_.kind == Kind::self || id_.kind == Kind::thread_self) {
            const std::uint32_t pid = fs_.processes().current();
            if (pid == 0) {
                return fail(Errc::not_found);
            }
            format_to(text, "{}", pid);
            if (id_.kind == Kind::thread_self) {
                format_to(text, "/task/{}", fs_.processes().current_thread());
            }
        } else if (id_.kind == Kind::fixed_link) {
            text.write(fs_.entries()[id_.number].target);
        } else if (id_.kind == Kind::descriptor) {
            TRY(describe_descriptor(text));
        } else if (id_.kind == Kind::link) {
            const Ref<Vnode> node = TRY(follow());
            std::array<char, longest_link> path;
            text.write(TRY(fs_.processes().path_of(*node, path)));
        } else {
            return fail(Errc::invalid_argument);
        }
        const std::size_t length = std::min(to.size(), text.view().size());
        std::memcpy(to.data(), text.view().data(), length);
        return length;
    }
    [[nodiscard]] Result<Ref<Vnode>> follow() noexcept override {
        if (id_.kind == Kind::link) {
            return fs_.processes().link(id_.pid, static_cast<ProcessLink>(id_.number));
        }
        if (id_.kind == Kind::descriptor) {
            Ref<File> file = TRY(fs_.processes().descriptor(id_.pid, id_.number));
            if (Vnode* const node = file->vnode()) {
                return Ref<Vnode>::share(*node);
            }
            using Target = OpenFileNode<Fs>;
            return Ref<Vnode>(TRY(mm::make_ref<Target>(fs_.heap(), fs_, std::move(file))));
        }
        return Ref<Vnode>();  // "self" is a text like any other
    }

    // Files.
    [[nodiscard]] Result<Ref<File>> open(OpenMode mode) noexcept override {
        using Text = ProcTextFile<ProcNode, typename Fs::HeapType, typename Fs::LockType>;
        using Memory = ProcMemoryFile<ProcNode, typename Fs::HeapType, typename Fs::LockType>;
        if (type() != NodeType::regular) {
            return Ref<File>();
        }
        if (id_.kind == Kind::file && fs_.entries()[id_.number].open != nullptr) {
            return fs_.entries()[id_.number].open(*this, mode);
        }
        if (id_.kind == Kind::text && process_texts[id_.number].is_private) {
            TRY(fs_.processes().check_inside(id_.pid));
        }
        if (id_.kind == Kind::text && process_texts[id_.number].text == ProcessText::mem) {
            return Ref<File>(TRY(
                mm::make_ref<Memory>(fs_.heap(), fs_.heap(), Ref<ProcNode>::share(*this), mode)));
        }
        const std::uint32_t owners = permissions().bits();  // for root, too
        if ((mode.write && (owners & 0200U) == 0) || (mode.read && (owners & 0400U) == 0)) {
            return fail(Errc::permission_denied);
        }
        return Ref<File>(
            TRY(mm::make_ref<Text>(fs_.heap(), fs_.heap(), Ref<ProcNode>::share(*this), mode)));
    }
    // For the files.
    [[nodiscard]] Status generate(std::uint64_t& cursor, TextOutput& out) noexcept {
        if (id_.kind == Kind::text && process_texts[id_.number].text > last_of_facts) {
            return fs_.processes().text(id_.pid, process_texts[id_.number].text, cursor, out);
        }
        cursor = end_of_text;
        if (id_.kind == Kind::file) {
            const auto& entry = fs_.entries()[id_.number];
            entry.generate(entry.context, out);
        } else if (id_.kind == Kind::descriptor_text) {
            TRY(fs_.processes().descriptor_text(id_.pid, id_.number, out));
        } else {
            write_facts(process_texts[id_.number].text, TRY(fs_.processes().facts(id_.pid)), out);
        }
        return {};
    }
    [[nodiscard]] Status store(std::string_view text) noexcept {
        return id_.kind == Kind::file
                   ? fs_.entries()[id_.number].take(text)
                   : fs_.processes().store(id_.pid, process_texts[id_.number].text, text);
    }
    [[nodiscard]] Status read_memory(std::uint32_t address, std::span<std::byte> to) noexcept {
        return fs_.processes().read_memory(id_.pid, address, to);
    }
    [[nodiscard]] Status write_memory(std::uint32_t address,
                                      std::span<const std::byte> from) noexcept {
        return fs_.processes().write_memory(id_.pid, address, from);
    }

    void dispose() noexcept override { mm::destroy(fs_.heap(), this); }

private:
    static constexpr std::size_t longest_link = 512;  ///< it lives on a kernel stack
    static constexpr ProcessText last_of_facts = ProcessText::oom_score_adj;

    [[nodiscard]] Permissions permissions() const noexcept {
        switch (type()) {
            case NodeType::directory:
                return Permissions(is_list() ? 0500 : 0555);
            case NodeType::symlink:
                return Permissions(0777);
            default:
                return Permissions(id_.kind == Kind::text   ? process_texts[id_.number].permissions
                                   : id_.kind == Kind::file ? fs_.entries()[id_.number].permissions
                                                            : 0444);
        }
    }
    [[nodiscard]] std::uint32_t directories_inside() const noexcept {
        std::uint32_t count = 0;
        for (std::size_t n = 0; const auto entry = fixed_entry(n); ++n) {
            count += type_of(entry->second.kind) == NodeType::directory ? 1 : 0;
        }
        return count;
    }
    /// One of the directories with an entry for each descriptor.
    [[nodiscard]] bool is_list() const noexcept {
        return id_.kind == Kind::descriptors || id_.kind == Kind::descriptor_texts;
    }
    static constexpr std::uint64_t fixed = 3;
    static constexpr std::uint64_t moving = 1000;

    [[nodiscard]] static constexpr NodeType type_of(Kind kind) noexcept {
        switch (kind) {
            case Kind::root:
            case Kind::directory:
            case Kind::process:
            case Kind::descriptors:
            case Kind::descriptor_texts:
            case Kind::tasks:
            case Kind::task:
                return NodeType::directory;
            case Kind::self:
            case Kind::thread_self:
            case Kind::fixed_link:
            case Kind::link:
            case Kind::descriptor:
                return NodeType::symlink;
            case Kind::file:
            case Kind::text:
            case Kind::descriptor_text:
                return NodeType::regular;
        }
        return NodeType::regular;
    }

    /// Entry `n` of those that do not come and go; nullopt behind the last.
    [[nodiscard]] std::optional<std::pair<std::string_view, ProcId>> fixed_entry(
        std::size_t n) const noexcept {
        if (id_.kind == Kind::process || id_.kind == Kind::task) {
            if (n < process_texts.size()) {
                return std::pair(process_texts[n].name, ProcId{Kind::text, id_.pid, index(n)});
            }
            n -= process_texts.size();
            if (n < process_links.size()) {
                return std::pair(process_links[n], ProcId{Kind::link, id_.pid, index(n)});
            }
            n -= process_links.size();
            constexpr std::array<std::pair<std::string_view, Kind>, 3> directories{
                {{"fd", Kind::descriptors},
                 {"fdinfo", Kind::descriptor_texts},
                 {"task", Kind::tasks}}};
            // A thread has no threads.
            if (n < directories.size() - (id_.kind == Kind::task ? 1U : 0U)) {
                return std::pair(directories[n].first, ProcId{directories[n].second, id_.pid, 0});
            }
            return std::nullopt;
        }
        if (id_.kind == Kind::root && n < 2) {
            return n == 0 ? std::pair(std::string_view("self"), ProcId{Kind::self, 0, 0})
                          : std::pair(std::string_view("thread-self"),
                                      ProcId{Kind::thread_self, 0, 0});
        }
        n -= id_.kind == Kind::root ? 2 : 0;
        std::size_t at = 0;
        for (const auto& entry : fs_.entries()) {
            if (entry.parent == id_ && n-- == 0) {
                return std::pair(entry.name, ProcId{entry.kind(), 0, index(at)});
            }
            ++at;
        }
        return std::nullopt;
    }
    [[nodiscard]] static constexpr std::uint32_t index(std::size_t n) noexcept {
        return static_cast<std::uint32_t>(n);
    }

    [[nodiscard]] Result<ProcId> find(std::string_view name) noexcept {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        if (id_.kind == Kind::root || id_.kind == Kind::tasks || is_list()) {
            if (const auto number = parse_number(name)) {
                return find_moving(*number);
            }
        }
        for (std::size_t n = 0; const auto entry = fixed_entry(n); ++n) {
            if (entry->first == name) {
                return entry->second;
            }
        }
        return fail(Errc::not_found);
    }
    [[nodiscard]] Result<ProcId> find_moving(std::uint32_t number) noexcept {
        if (id_.kind == Kind::root) {
            TRY(fs_.processes().owner(number));
            return ProcId{Kind::process, number, 0};
        }
        if (id_.kind == Kind::tasks) {
            return next_moving(number) == number ? Result<ProcId>(moving_entry(number))
                                                 : fail(Errc::not_found);
        }
        TRY(fs_.processes().descriptor(id_.pid, number));
        return moving_entry(number);
    }
    /// The entry that its number names.
    [[nodiscard]] ProcId moving_entry(std::uint32_t number) const noexcept {
        switch (id_.kind) {
            case Kind::root:
                return {Kind::process, number, 0};
            case Kind::tasks:
                return {Kind::task, number, id_.pid};
            case Kind::descriptors:
                return {Kind::descriptor, id_.pid, number};
            default:
                return {Kind::descriptor_text, id_.pid, number};
        }
    }
    /// The smallest number not below `from` that names an entry; nullopt: there is none.
    [[nodiscard]] std::optional<std::uint32_t> next_moving(std::uint32_t from) noexcept {
        if (id_.kind == Kind::root) {
            const std::uint32_t pid = fs_.processes().next(from == 0 ? 0 : from - 1);
            return pid == 0 ? std::nullopt : std::optional(pid);
        }
        const auto next = id_.kind == Kind::tasks ? fs_.processes().next_thread(id_.pid, from)
                                                  : fs_.processes().next_descriptor(id_.pid, from);
        return next ? std::optional(*next) : std::nullopt;
    }

    /// False when the sink is full.
    [[nodiscard]] bool list_fixed(std::uint64_t cookie, DirectorySink& sink) noexcept {
        for (auto n = static_cast<std::size_t>(cookie < fixed ? 0 : cookie - fixed + 1);
             const auto entry = fixed_entry(n); ++n) {
            if (!sink.accept({entry->second.inode(), type_of(entry->second.kind), entry->first,
                              fixed + n})) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] Status list_moving(std::uint64_t cookie, DirectorySink& sink) noexcept {
        if (id_.kind != Kind::root && id_.kind != Kind::tasks && !is_list()) {
            return {};
        }
        // The number to begin with; processes begin at 1, descriptors at 0.
        std::uint64_t from = cookie < moving ? 0 : cookie - moving + 1;
        while (from < (1U << 24)) {
            const auto number = next_moving(static_cast<std::uint32_t>(from));
            if (!number) {
                return {};
            }
            TextBuffer<12> name;
            format_to(name, "{}", *number);
            const ProcId id = moving_entry(*number);
            if (!sink.accept({id.inode(), type_of(id.kind), name.view(), moving + *number})) {
                return {};
            }
            from = std::uint64_t{*number} + 1;
        }
        return {};
    }

    [[nodiscard]] Status describe_descriptor(TextBuffer<longest_link>& text) noexcept {
        const Ref<File> file = TRY(fs_.processes().descriptor(id_.pid, id_.number));
        if (Vnode* const node = file->vnode()) {
            return describe_node(*node, text);
        }
        text.write(file->label());
        if (file->label().ends_with(':')) {
            format_to(text, "[{}]", TRY(file->attributes()).inode);
        }
        return {};
    }
    [[nodiscard]] Status describe_node(Vnode& node, TextBuffer<longest_link>& text) noexcept {
        std::array<char, longest_link> path;
        text.write(fs_.processes().path_of(node, path).value_or("(deleted)"));
        return {};
    }

    Fs& fs_;
    const ProcId id_;
};

}  // namespace kidney::fs
