/// What Clang's -fsanitize=... calls when code does what the language does not define
/// (docs/tools/undefined-behaviour.md). The linker gives the functions their names there: a
/// function that the compiler has already called on its own initiative when it sees the definition
/// gets no frame pointer, and a backtrace would end in it. The structures are those of its runtime,
/// compiler-rt/lib/ubsan/ubsan_handlers.h and ubsan_value.h.
#include "kernel/panic.hpp"
#include "kidney/core/format.hpp"

#include <cstdint>

namespace kidney::kernel {
namespace {

/// A value of at most 32 bits, or the address of a longer one.
using ValueHandle = std::uintptr_t;

struct SourceLocation {
    const char* file;
    std::uint32_t line, column;
};
struct TypeDescriptor {
    std::uint16_t kind;  ///< 0: an integer
    std::uint16_t info;  ///< of an integer: bit 0 signed, above it the binary logarithm of its bits
    char name[1];        ///< in quotes, and longer than that

    [[nodiscard]] bool is_signed() const noexcept { return (info & 1U) != 0; }
    [[nodiscard]] std::uint32_t bits() const noexcept { return 1U << (info >> 1); }
};
struct OfOneType {
    SourceLocation place;
    const TypeDescriptor* type;
};
struct OfTwoTypes {
    SourceLocation place;
    const TypeDescriptor* first;
    const TypeDescriptor* second;
};

using Text = TextBuffer<48>;

Text text_of(const TypeDescriptor& type, ValueHandle value) noexcept {
    Text text;
    if (type.kind != 0 || type.bits() > 64) {
        text.write("a value");
    } else if (type.bits() > 32) {
        const auto bits = *reinterpret_cast<const std::uint64_t*>(value);
        type.is_signed() ? format_to(text, "{}", static_cast<std::int64_t>(bits))
                         : format_to(text, "{}", bits);
    } else if (type.is_signed()) {
        const std::uint32_t unused = 32 - type.bits();
        format_to(text, "{}", static_cast<std::int32_t>(value << unused) >> unused);
    } else {
        format_to(text, "{}", value);
    }
    return text;
}

template <class... Args>
[[noreturn]] void report(const SourceLocation& place,
                         FormatString<std::type_identity_t<Args>...> text,
                         const Args&... arguments) noexcept {
    TextBuffer<120> what;
    format_to<TextBuffer<120>, Args...>(what, text, arguments...);
    panic("undefined behaviour: {}:{}:{}: {}", place.file, place.line, place.column, what.view());
}

[[noreturn]] void report_overflow(const OfOneType& data, ValueHandle left, const char* operation,
                                  ValueHandle right) noexcept {
    report(data.place, "{} {} {} is no {}", text_of(*data.type, left).view(), operation,
           text_of(*data.type, right).view(), static_cast<const char*>(data.type->name));
}

}  // namespace

extern "C" {

[[noreturn]] void kidney_add_overflow_abort(OfOneType* data, ValueHandle left,
                                            ValueHandle right) noexcept {
    report_overflow(*data, left, "+", right);
}
[[noreturn]] void kidney_sub_overflow_abort(OfOneType* data, ValueHandle left,
                                            ValueHandle right) noexcept {
    report_overflow(*data, left, "-", right);
}
[[noreturn]] void kidney_mul_overflow_abort(OfOneType* data, ValueHandle left,
                                            ValueHandle right) noexcept {
    report_overflow(*data, left, "*", right);
}
[[noreturn]] void kidney_divrem_overflow_abort(OfOneType* data, ValueHandle left,
                                               ValueHandle right) noexcept {
    report_overflow(*data, left, "/", right);
}
[[noreturn]] void kidney_negate_overflow_abort(OfOneType* data, ValueHandle value) noexcept {
    report(data->place, "-({}) is no {}", text_of(*data->type, value).view(),
           static_cast<const char*>(data->type->name));
}
[[noreturn]] void kidney_shift_out_of_bounds_abort(OfTwoTypes* data, ValueHandle value,
                                                   ValueHandle places) noexcept {
    report(data->place, "{} of type {} shifted by {}", text_of(*data->first, value).view(),
           static_cast<const char*>(data->first->name), text_of(*data->second, places).view());
}
[[noreturn]] void kidney_out_of_bounds_abort(OfTwoTypes* data, ValueHandle index) noexcept {
    report(data->place, "index {} of an array {}", text_of(*data->second, index).view(),
           static_cast<const char*>(data->first->name));
}
[[noreturn]] void kidney_load_invalid_value_abort(OfOneType* data, ValueHandle value) noexcept {
    report(data->place, "{} is no {}", text_of(*data->type, value).view(),
           static_cast<const char*>(data->type->name));
}
[[noreturn]] void kidney_vla_bound_not_positive_abort(OfOneType* data, ValueHandle size) noexcept {
    report(data->place, "an array of {} elements", text_of(*data->type, size).view());
}
[[noreturn]] void kidney_builtin_unreachable(SourceLocation* place) noexcept {
    report(*place, "code that cannot be reached was reached");
}
/// In the place of libstdc++'s std::__throw_out_of_range_fmt, which std::string_view calls: where
/// the checks keep the compiler from seeing that it never does. Other kernels must not link with
/// it.
[[noreturn]] void kidney_text_out_of_range() noexcept {
    panic("undefined behaviour: an index behind the end of a text");
}
[[noreturn]] void kidney_missing_return(SourceLocation* place) noexcept {
    report(*place, "a function ended without a value");
}
}

}  // namespace kidney::kernel
