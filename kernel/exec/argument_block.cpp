#include "kernel/exec/argument_block.hpp"

#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <cstring>

namespace kidney::kernel {

ArgumentBlock::~ArgumentBlock() {
    if (data_ != nullptr) {
        heap().free(data_, capacity_);
    }
}

Status ArgumentBlock::reserve(std::size_t more) noexcept {
    if (more > room_ - size_) {
        return fail(Errc::argument_list_long);
    }
    if (size_ + more <= capacity_) {
        return {};
    }
    std::size_t capacity = std::max<std::size_t>(capacity_, 2048);
    while (capacity < size_ + more) {
        capacity *= 2;
    }
    auto* const larger = static_cast<char*>(TRY(heap().allocate(capacity)));
    if (data_ != nullptr) {
        std::memcpy(larger, data_, size_);
        heap().free(data_, capacity_);
    }
    data_ = larger;
    capacity_ = capacity;
    return {};
}

Status ArgumentBlock::add(std::string_view text) noexcept {
    TRY(reserve(text.size() + 1));
    std::memcpy(data_ + size_, text.data(), text.size());
    data_[size_ + text.size()] = '\0';
    size_ += text.size() + 1;
    return {};
}

Status ArgumentBlock::add_user_string(UserPtr<const char> text) noexcept {
    for (std::size_t room = 128;; room *= 2) {
        TRY(reserve(std::min(room, room_ - size_)));
        const std::size_t reach = std::min(capacity_ - size_, max_string);
        const Result<std::size_t> length = copy_string(std::span(data_ + size_, reach), text);
        if (length) {
            size_ += *length + 1;
            return {};
        }
        if (length.error() != Errc::name_too_long) {
            return fail(length.error());
        }
        if (reach == max_string || reach == room_ - size_) {
            return fail(Errc::argument_list_long);
        }
        room = reach;
    }
}

Status ArgumentBlock::add_array(UserPtr<const std::uint32_t> array, std::uint32_t& count) noexcept {
    if (array.is_null()) {
        return {};
    }
    for (std::uint32_t i = 0;; ++i) {
        const std::uint32_t pointer = TRY(get_user(array + i));
        if (pointer == 0) {
            return {};
        }
        TRY(add_user_string(UserPtr<const char>(pointer)));
        ++count;
    }
}

Status ArgumentBlock::add_arguments(UserPtr<const std::uint32_t> array) noexcept {
    return add_array(array, arguments_);
}
Status ArgumentBlock::add_environment(UserPtr<const std::uint32_t> array) noexcept {
    return add_array(array, environment_);
}
Status ArgumentBlock::add_argument(std::string_view text) noexcept {
    TRY(add(text));
    ++arguments_;
    return {};
}
Status ArgumentBlock::add_environment(std::string_view text) noexcept {
    TRY(add(text));
    ++environment_;
    return {};
}

Status ArgumentBlock::replace_first(std::string_view interpreter, std::string_view argument,
                                    std::string_view path) noexcept {
    // The views may point into this block or into the file's first page; the new block is separate.
    ArgumentBlock next;
    TRY(next.add_argument(interpreter));
    if (!argument.empty()) {
        TRY(next.add_argument(argument));
    }
    TRY(next.add_argument(path));
    std::string_view rest(data_, size_);
    if (arguments_ > 0) {
        rest.remove_prefix(rest.find('\0') + 1);
        next.arguments_ += arguments_ - 1;
    }
    next.environment_ = environment_;
    TRY(next.reserve(rest.size()));
    std::memcpy(next.data_ + next.size_, rest.data(), rest.size());
    next.size_ += rest.size();
    std::swap(data_, next.data_);
    std::swap(size_, next.size_);
    std::swap(capacity_, next.capacity_);
    std::swap(arguments_, next.arguments_);
    return {};
}

std::string_view ArgumentBlock::arguments() const noexcept {
    std::size_t end = 0;
    for (std::uint32_t n = 0; n < arguments_; ++n) {
        end += std::string_view(data_ + end).size() + 1;
    }
    return {data_, end};
}

}  // namespace kidney::kernel
