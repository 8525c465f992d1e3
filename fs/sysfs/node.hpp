/// What is in /sys: directories that stand for things, their attributes as files, and links.
///
/// A directory has a table of attributes and a context that they tell of; the files are made when
/// somebody looks, so a thing costs one object, however much there is to say about it.
#pragma once

#include "fs/procfs/text.hpp"
#include "fs/procfs/text_file.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// A file of one value. `generate` writes it, line end and all; any thread.
struct SysAttribute {
    std::string_view name;
    void (*generate)(const void* context, TextOutput& out) noexcept;
    std::uint32_t size = 4096;  ///< what stat says, as on Linux
};

template <class Fs>
class SysNode;

/// An attribute of a directory.
template <class Fs>
class SysFile final : public Vnode {
public:
    SysFile(Ref<SysNode<Fs>> directory, std::size_t number) noexcept
        : directory_(std::move(directory)), number_(number) {}

    [[nodiscard]] NodeType type() const noexcept override { return NodeType::regular; }
    [[nodiscard]] FileSystem& file_system() const noexcept override {
        return directory_->file_system();
    }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        Attributes a = directory_->base();
        a.inode = directory_->inode_of(number_);
        a.type = NodeType::regular;
        a.permissions = Permissions(0444);
        a.size = attribute().size;
        return a;
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        return change.size ? Status() : Status(fail(Errc::not_permitted));  // O_TRUNC: as it is
    }
    [[nodiscard]] Result<Ref<File>> open(OpenMode mode) noexcept override {
        using Text = ProcTextFile<SysFile, typename Fs::HeapType, typename Fs::FileLock>;
        if (mode.write) {
            return fail(Errc::permission_denied);  // to root, too
        }
        auto& heap = directory_->fs().heap();
        return Ref<File>(TRY(mm::make_ref<Text>(heap, heap, Ref<SysFile>::share(*this), mode)));
    }
    // For the text file.
    [[nodiscard]] Status generate(std::uint64_t& cursor, TextOutput& out) noexcept {
        cursor = end_of_text;
        attribute().generate(directory_->context(), out);
        return {};
    }
    [[nodiscard]] Status store(std::string_view) noexcept { return fail(Errc::bad_descriptor); }
    void dispose() noexcept override { mm::destroy(directory_->fs().heap(), this); }

private:
    [[nodiscard]] const SysAttribute& attribute() const noexcept {
        return directory_->table()[number_];
    }
    const Ref<SysNode<Fs>> directory_;
    const std::size_t number_;
};

/// A directory or a link. The tree holds a reference to each; Fs::lock() guards its shape.
template <class Fs>
class SysNode final : public Vnode {
public:
    using Name = BoundedText<32>;
    using Target = BoundedText<64>;

    /// `number` grows from node to node; a link has a target, a directory has none.
    SysNode(Fs& fs, std::uint64_t number, Ref<SysNode> parent, std::string_view name,
            std::string_view target, std::span<const SysAttribute> table,
            const void* context) noexcept
        : fs_(fs), number_(number), parent_(std::move(parent)), table_(table), context_(context) {
        name_.assign(name);
        target_.assign(target);
    }

    [[nodiscard]] NodeType type() const noexcept override {
        return target_.view().empty() ? NodeType::directory : NodeType::symlink;
    }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        Attributes a = base();
        a.inode = inode();
        a.type = type();
        a.permissions = Permissions(a.type == NodeType::directory ? 0755 : 0777);
        a.size = target_.view().size();
        if (a.type == NodeType::directory) {
            LockGuard guard(fs_.lock());
            a.links = 2 + directories_inside();
        }
        return a;
    }
    [[nodiscard]] Status set_attributes(const AttributeChange&) noexcept override {
        return fail(Errc::not_permitted);
    }
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        for (std::size_t n = 0; n < table_.size(); ++n) {
            if (table_[n].name == name) {
                return Ref<Vnode>(
                    TRY(mm::make_ref<SysFile<Fs>>(fs_.heap(), Ref<SysNode>::share(*this), n)));
            }
        }
        LockGuard guard(fs_.lock());
        SysNode* const found = child(name);
        return found == nullptr ? Result<Ref<Vnode>>(fail(Errc::not_found))
                                : Ref<Vnode>(Ref<SysNode>::share(*found));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        return Ref<Vnode>(parent_ ? parent_ : Ref<SysNode>::share(*this));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view, const NewNode&) noexcept override {
        return fail(Errc::not_permitted);  // as Linux says
    }
    [[nodiscard]] Status unlink(std::string_view, Vnode&) noexcept override {
        return fail(Errc::not_permitted);
    }
    /// Cookies: 1 and 2 behind "." and "..", then `files + n` behind attribute n, then
    /// `nodes + number` behind a node.
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        if (type() != NodeType::directory) {
            return fail(Errc::not_directory);
        }
        const std::uint64_t up = parent_ ? parent_->inode() : inode();
        if ((cookie < 1 && !sink.accept({inode(), NodeType::directory, ".", 1})) ||
            (cookie < 2 && !sink.accept({up, NodeType::directory, "..", 2}))) {
            return {};
        }
        for (auto n = static_cast<std::size_t>(cookie < files ? 0 : cookie - files + 1);
             cookie < nodes && n < table_.size(); ++n) {
            if (!sink.accept({inode_of(n), NodeType::regular, table_[n].name, files + n})) {
                return {};
            }
        }
        LockGuard guard(fs_.lock());
        for (SysNode* at = first_.get(); at != nullptr; at = at->next_.get()) {
            const std::uint64_t behind = nodes + at->number_;
            if (behind > cookie &&
                !sink.accept({at->inode(), at->type(), at->name_.view(), behind})) {
                break;
            }
        }
        return {};
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        const std::string_view text = target_.view();
        if (text.empty()) {
            return fail(Errc::invalid_argument);
        }
        const std::size_t length = std::min(to.size(), text.size());
        std::memcpy(to.data(), text.data(), length);
        return length;
    }
    void dispose() noexcept override { mm::destroy(fs_.heap(), this); }

    // For the file system, which holds its lock, and for the files.
    /// Null: there is none of this name among the nodes.
    [[nodiscard]] SysNode* child(std::string_view name) noexcept {
        SysNode* at = first_.get();
        while (at != nullptr && at->name_.view() != name) {
            at = at->next_.get();
        }
        return at;
    }
    [[nodiscard]] bool has_attribute(std::string_view name) const noexcept {
        return std::ranges::any_of(table_, [=](const SysAttribute& a) { return a.name == name; });
    }
    void add_last(Ref<SysNode> node) noexcept {
        Ref<SysNode>* end = &first_;
        while (*end) {
            end = &(*end)->next_;
        }
        *end = std::move(node);
    }
    /// The tree lets go of it and of all that is below it; the answer is for whoever may let go of
    /// it without the lock.
    [[nodiscard]] Ref<SysNode> take(std::string_view name) noexcept {
        Ref<SysNode>* at = &first_;
        while (*at && (*at)->name_.view() != name) {
            at = &(*at)->next_;
        }
        Ref<SysNode> taken = std::move(*at);
        if (taken) {
            *at = std::move(taken->next_);
        }
        return taken;
    }
    /// One node below it, cut off; null: there is none. So that a tree is let go of leaf by leaf.
    [[nodiscard]] Ref<SysNode> take_first() noexcept {
        return first_ ? take(first_->name_.view()) : Ref<SysNode>();
    }
    [[nodiscard]] Fs& fs() const noexcept { return fs_; }
    [[nodiscard]] const void* context() const noexcept { return context_; }
    [[nodiscard]] std::span<const SysAttribute> table() const noexcept { return table_; }
    [[nodiscard]] std::uint64_t inode_of(std::size_t attribute) const noexcept {
        return inode() + 1 + attribute;
    }
    /// What is the same for all.
    [[nodiscard]] Attributes base() const noexcept {
        Attributes a;
        a.device = fs_.device();
        a.links = 1;
        a.block_size = 4096;
        a.accessed = a.modified = a.changed = fs_.booted();
        return a;
    }

private:
    static constexpr std::uint64_t most_attributes = 64;
    static constexpr std::uint64_t files = 3;
    static constexpr std::uint64_t nodes = 1000;

    [[nodiscard]] std::uint64_t inode() const noexcept { return (number_ + 1) * most_attributes; }
    [[nodiscard]] std::uint32_t directories_inside() const noexcept {
        std::uint32_t count = 0;
        for (SysNode* at = first_.get(); at != nullptr; at = at->next_.get()) {
            count += at->type() == NodeType::directory ? 1 : 0;
        }
        return count;
    }

    Fs& fs_;
    const std::uint64_t number_;
    const Ref<SysNode> parent_;
    const std::span<const SysAttribute> table_;
    const void* const context_;
    Name name_;
    Target target_;
    Ref<SysNode> first_;  ///< of those below, which are in the order of their numbers
    Ref<SysNode> next_;
};

}  // namespace kidney::fs
