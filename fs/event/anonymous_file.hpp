/// What open files have in common that live in no file system: event counters, timers, sets of
/// files.
#pragma once

#include "kidney/fs/file.hpp"
#include "kidney/mm/make.hpp"

#include <cstdint>

namespace kidney::fs {

/// The file as what it is, if it is a T: their labels tell them apart.
template <class T>
[[nodiscard]] T* anonymous_cast(File& file) noexcept {
    return file.label() == T::name ? static_cast<T*>(&file) : nullptr;
}

/// `Derived` says what it is, and what reading and writing it does.
template <class Derived, mm::ObjectAllocator Heap>
class AnonymousFile : public File {
public:
    /// All of them are one inode, as far as anybody can see.
    [[nodiscard]] Result<Attributes> attributes() noexcept override {
        constexpr std::uint32_t block = 4096;
        Attributes a;
        a.inode = 1;
        a.type = NodeType::none;
        a.permissions = Permissions(0600);
        a.links = 1;
        a.block_size = block;
        return a;
    }
    [[nodiscard]] Result<std::size_t> read(ReadBuffer&) noexcept override {
        return fail(Errc::invalid_argument);
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer&) noexcept override {
        return fail(Errc::invalid_argument);
    }
    void dispose() noexcept override { mm::destroy(heap_, static_cast<Derived*>(this)); }

protected:
    AnonymousFile(Heap& heap, OpenMode mode) noexcept : File(mode), heap_(heap) {}
    ~AnonymousFile() = default;

    Heap& heap_;
};

}  // namespace kidney::fs
