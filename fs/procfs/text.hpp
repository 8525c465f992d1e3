/// Text that a /proc file is made of, collected in memory.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// A whole number as programs write it into a file of /proc, white space around it. Error:
/// invalid_argument.
[[nodiscard]] constexpr Result<std::int32_t> parse_value(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\n\r\v\f";
    while (!text.empty() && blanks.find(text.front()) != std::string_view::npos) {
        text.remove_prefix(1);
    }
    while (!text.empty() && blanks.find(text.back()) != std::string_view::npos) {
        text.remove_suffix(1);
    }
    const bool is_negative = text.starts_with('-');
    text.remove_prefix(is_negative || text.starts_with('+') ? 1 : 0);
    if (text.empty()) {
        return fail(Errc::invalid_argument);
    }
    std::int32_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value)) {
            return fail(Errc::invalid_argument);
        }
    }
    return is_negative ? -value : value;
}

/// A TextSink behind a virtual call, so that the kernel's generators are ordinary functions.
class TextOutput {
public:
    virtual void write(std::string_view text) noexcept = 0;

protected:
    ~TextOutput() = default;
};
static_assert(TextSink<TextOutput>);

/// Writes the contents of one file. `context` is what it was registered with.
using TextGenerator = void (*)(void* context, TextOutput& out) noexcept;

/// Takes what was written to a file. Errors: invalid_argument, nothing was done.
using TextTaker = Status (*)(std::string_view text) noexcept;

/// Opens a file that is not text (kmsg). Errors: the file's own.
using SpecialOpener = Result<Ref<File>> (*)(Vnode& node, OpenMode mode) noexcept;

/// Grows as it is written to; remembers if memory ran out.
template <mm::ObjectAllocator Heap>
class HeapText final : public TextOutput {
public:
    explicit HeapText(Heap& heap) noexcept : heap_(heap) {}
    ~HeapText() { clear(); }
    HeapText(const HeapText&) = delete;
    HeapText& operator=(const HeapText&) = delete;

    void write(std::string_view text) noexcept override {
        if (text.empty()) {
            return;
        }
        if (text.size() > capacity_ - size_ && !grow(size_ + text.size())) {
            is_complete_ = false;
            return;
        }
        std::memcpy(data_ + size_, text.data(), text.size());
        size_ += text.size();
    }
    [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    void swap(HeapText& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(is_complete_, other.is_complete_);
    }
    void clear() noexcept {
        if (data_ != nullptr) {
            heap_.free(data_, capacity_);
        }
        data_ = nullptr;
        size_ = capacity_ = 0;
        is_complete_ = true;
    }

private:
    static constexpr std::size_t first_capacity = 512;

    [[nodiscard]] bool grow(std::size_t needed) noexcept {
        std::size_t capacity = capacity_ == 0 ? first_capacity : capacity_ * 2;
        while (capacity < needed) {
            capacity *= 2;
        }
        const Result<void*> memory = heap_.allocate(capacity);
        if (!memory) {
            return false;
        }
        auto* const data = static_cast<char*>(*memory);
        if (data_ != nullptr) {
            std::memcpy(data, data_, size_);
            heap_.free(data_, capacity_);
        }
        data_ = data;
        capacity_ = capacity;
        return true;
    }

    Heap& heap_;
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    bool is_complete_ = true;
};

}  // namespace kidney::fs
