/// A file, directory or symbolic link of a vsfs.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::fs::vsfs {

/// Nothing of the inode is kept here: every operation reads it. See Vsfs for what they do.
template <class Fs>
class Node final : public Vnode {
public:
    static constexpr const char* cache_name = "vsfs_node";

    Node(Fs& fs, std::uint32_t number, NodeType type) noexcept
        : fs_(fs), number_(number), type_(type) {}

    [[nodiscard]] NodeType type() const noexcept override { return type_; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return fs_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        return fs_.attributes(*this);
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        return type_ == NodeType::regular || !change.size ? fs_.set_attributes(*this, change)
                                                          : check_regular();
    }

    // Names.
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        TRY(check_directory());
        return fs_.lookup(*this, name);
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        TRY(check_directory());
        return fs_.parent(*this);
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view name,
                                            const NewNode& what) noexcept override {
        TRY(check_directory());
        return fs_.create(*this, name, what);
    }
    [[nodiscard]] Status link(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.link(*this, name, static_cast<Node&>(node));
    }
    [[nodiscard]] Status unlink(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.unlink(*this, name, static_cast<Node&>(node));
    }
    [[nodiscard]] Status rename(const NameMove& move) noexcept override {
        TRY(check_directory());
        TRY(static_cast<Node&>(move.new_parent).check_directory());
        return move.exchange ? Status(fail(Errc::not_supported)) : fs_.rename(*this, move);
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(check_directory());
        return fs_.list(*this, cookie, sink);
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        if (type_ != NodeType::symlink) {
            return fail(Errc::invalid_argument);
        }
        SpanReadBuffer buffer(std::as_writable_bytes(to));
        return fs_.read(*this, 0, buffer);
    }

    // Data.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept override {
        TRY(check_regular());
        return fs_.read(*this, offset, to);
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            WriteBuffer& from) noexcept override {
        TRY(check_regular());
        TRY(from.fit(offset, fs_.max_file_size()));
        return fs_.write(*this, &offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override {
        TRY(check_regular());
        TRY(from.fit(TRY(attributes()).size, fs_.max_file_size()));  // others may append meanwhile
        const std::size_t written = TRY(fs_.write(*this, nullptr, from));
        end = TRY(attributes()).size;
        return written;
    }
    [[nodiscard]] Status sync() noexcept override { return fs_.sync(); }

    void dispose() noexcept override { fs_.node_gone(*this); }

    // For the file system.
    Node* next_ = nullptr;  ///< in the table or the list of orphans, guarded by its table lock
    std::atomic<bool> is_unlinked_ = false;  ///< its inode goes with the last reference

private:
    [[nodiscard]] Status check_directory() const noexcept {
        return type_ == NodeType::directory ? Status() : Status(fail(Errc::not_directory));
    }
    [[nodiscard]] Status check_regular() const noexcept {
        return type_ == NodeType::regular     ? Status()
               : type_ == NodeType::directory ? Status(fail(Errc::is_directory))
                                              : Status(fail(Errc::invalid_argument));
    }

    Fs& fs_;
    const std::uint32_t number_;
    const NodeType type_;
};

}  // namespace kidney::fs::vsfs
