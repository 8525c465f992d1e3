/// The strings of argv and envp on their way from the old program to the new one.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// NUL-terminated strings, one after the other, on the kernel heap: first the arguments, then the
/// environment. Everything is copied before the old address space goes away.
class ArgumentBlock {
public:
    // As Linux has it with its ordinary stack limit, because xargs and shells reckon with it.
    static constexpr std::size_t max_bytes = 2 << 20;      ///< of all strings, at most
    static constexpr std::size_t min_bytes = 128 * 1024;   ///< of all strings, whatever the limit
    static constexpr std::size_t max_string = 128 * 1024;  ///< of one, with its NUL

    ArgumentBlock() noexcept = default;
    /// For a process with this RLIMIT_STACK: a quarter of it is for the strings.
    explicit ArgumentBlock(std::uint64_t stack_limit) noexcept
        : room_(static_cast<std::size_t>(
              std::clamp<std::uint64_t>(stack_limit / 4, min_bytes, max_bytes))) {}
    ~ArgumentBlock();
    ArgumentBlock(const ArgumentBlock&) = delete;
    ArgumentBlock& operator=(const ArgumentBlock&) = delete;

    /// Appends the strings of a user array that ends with a null pointer (a null array is empty).
    /// Errors: bad_address, argument_list_long, no_memory.
    Status add_arguments(UserPtr<const std::uint32_t> array) noexcept;
    Status add_environment(UserPtr<const std::uint32_t> array) noexcept;
    Status add_argument(std::string_view text) noexcept;
    Status add_environment(std::string_view text) noexcept;

    /// A script: argv[0] gives way to `interpreter [argument] path`.
    /// Errors: argument_list_long, no_memory.
    Status replace_first(std::string_view interpreter, std::string_view argument,
                         std::string_view path) noexcept;

    [[nodiscard]] std::span<const char> bytes() const noexcept { return {data_, size_}; }
    /// The arguments alone, each with its NUL.
    [[nodiscard]] std::string_view arguments() const noexcept;
    [[nodiscard]] std::uint32_t argument_count() const noexcept { return arguments_; }
    [[nodiscard]] std::uint32_t environment_count() const noexcept { return environment_; }

private:
    Status add_array(UserPtr<const std::uint32_t> array, std::uint32_t& count) noexcept;
    Status add_user_string(UserPtr<const char> text) noexcept;
    Status add(std::string_view text) noexcept;
    Status reserve(std::size_t more) noexcept;

    char* data_ = nullptr;
    const std::size_t room_ = max_bytes;
    std::size_t size_ = 0, capacity_ = 0;
    std::uint32_t arguments_ = 0, environment_ = 0;
};

}  // namespace kidney::kernel
