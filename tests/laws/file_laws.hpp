/// The laws of `File` for those with positions. Freestanding.
///
/// The subject opens a regular file and an empty directory: see `Opener`.
#pragma once

#include "kidney/fs/file.hpp"
#include "tests/laws/files/names.hpp"

namespace kidney::laws::file {

/// Opens nodes for a law. Both nodes are the law's alone; the file is empty at its beginning.
class Opener {
public:
    /// Null: no memory.
    [[nodiscard]] virtual Ref<fs::File> open_file(fs::OpenMode mode) noexcept = 0;
    [[nodiscard]] virtual Ref<fs::File> open_directory() noexcept = 0;

protected:
    ~Opener() = default;
};

namespace detail {
[[nodiscard]] inline bool write(fs::File& file, std::string_view text) noexcept {
    fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
    return file.write(from) == text.size();
}
[[nodiscard]] inline bool write_at(fs::File& file, std::uint64_t at,
                                   std::string_view text) noexcept {
    fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
    return file.write_at(at, from) == text.size();
}
/// Reads at most 16 bytes.
[[nodiscard]] inline bool reads(fs::File& file, std::string_view text) noexcept {
    std::array<char, 16> bytes{};
    fs::SpanReadBuffer to(std::as_writable_bytes(std::span(bytes)));
    const auto got = file.read(to);
    return got && std::string_view(bytes.data(), *got) == text;
}
[[nodiscard]] inline bool reads_at(fs::File& file, std::uint64_t at,
                                   std::string_view text) noexcept {
    std::array<char, 16> bytes{};
    fs::SpanReadBuffer to(std::as_writable_bytes(std::span(bytes)));
    const auto got = file.read_at(at, to);
    return got && std::string_view(bytes.data(), *got) == text;
}
[[nodiscard]] inline bool stands_at(fs::File& file, std::uint64_t at) noexcept {
    return file.seek(0, fs::Whence::current) == at;
}
}  // namespace detail

struct D1 {
    static constexpr const char* text = "D1 the position moves by what was moved";
    static void check(Report& report, Opener& opener) noexcept {
        const Ref<fs::File> file = opener.open_file({.read = true, .write = true});
        LAW_CHECK(report, file && detail::write(*file, "hello") && detail::write(*file, " world"));
        if (!file) {
            return;
        }
        LAW_CHECK(report, detail::stands_at(*file, 11) && detail::reads(*file, ""));
        LAW_CHECK(report, file->seek(6, fs::Whence::start) == 6U && detail::reads(*file, "world"));
        LAW_CHECK(report, detail::stands_at(*file, 11));
    }
};

struct D2 {
    static constexpr const char* text = "D2 read_at(), write_at() and append() leave the position";
    static void check(Report& report, Opener& opener) noexcept {
        const Ref<fs::File> file = opener.open_file({.read = true, .write = true});
        LAW_CHECK(report, file && detail::write(*file, "0123456789"));
        if (!file) {
            return;
        }
        LAW_CHECK(report, file->seek(2, fs::Whence::start) == 2U);
        LAW_CHECK(report,
                  detail::write_at(*file, 5, "xyz") && detail::reads_at(*file, 4, "4xyz89"));
        LAW_CHECK(report, detail::stands_at(*file, 2));
        fs::SpanWriteBuffer more(std::as_bytes(std::span("end", 3)));
        LAW_CHECK(report, file->append(more) == 3U && detail::stands_at(*file, 2));
        LAW_CHECK(report, detail::reads_at(*file, 8, "89end"));
        file->set_append(true);
        LAW_CHECK(report, detail::write(*file, "!") && detail::reads_at(*file, 8, "89end!"));
        LAW_CHECK(report, detail::write_at(*file, 0, "?") && detail::reads_at(*file, 10, "end!?"));
    }
};

struct D3 {
    static constexpr const char* text = "D3 what it was not opened for is bad_descriptor";
    static void check(Report& report, Opener& opener) noexcept {
        std::array<std::byte, 4> bytes{};
        fs::SpanReadBuffer to(bytes);
        fs::SpanWriteBuffer from(bytes);
        const Ref<fs::File> reader = opener.open_file({.read = true});
        const Ref<fs::File> writer = opener.open_file({.write = true});
        LAW_CHECK(report, reader && writer);
        if (!reader || !writer) {
            return;
        }
        LAW_CHECK(report, reader->write(from) == tl::unexpected(Errc::bad_descriptor));
        LAW_CHECK(report, reader->write_at(0, from) == tl::unexpected(Errc::bad_descriptor));
        LAW_CHECK(report, reader->append(from) == tl::unexpected(Errc::bad_descriptor));
        LAW_CHECK(report, writer->read(to) == tl::unexpected(Errc::bad_descriptor));
        LAW_CHECK(report, writer->read_at(0, to) == tl::unexpected(Errc::bad_descriptor));
        LAW_CHECK(report, reader->read(to) == 0U && writer->write(from) == 4U);
        const Ref<fs::File> directory = opener.open_directory();
        LAW_CHECK(report, directory && !directory->write(from));
        LAW_CHECK(report, directory && directory->read(to) == tl::unexpected(Errc::is_directory));
    }
};

struct D4 {
    static constexpr const char* text = "D4 seek() answers the new position";
    static void check(Report& report, Opener& opener) noexcept {
        const Ref<fs::File> file = opener.open_file({.read = true, .write = true});
        LAW_CHECK(report, file && detail::write(*file, "0123456789"));
        if (!file) {
            return;
        }
        LAW_CHECK(report, file->is_seekable());
        LAW_CHECK(report, file->seek(-4, fs::Whence::end) == 6U && detail::reads(*file, "6789"));
        LAW_CHECK(report, file->seek(-3, fs::Whence::current) == 7U);
        LAW_CHECK(report,
                  file->seek(-8, fs::Whence::current) == tl::unexpected(Errc::invalid_argument));
        LAW_CHECK(report,
                  file->seek(-1, fs::Whence::start) == tl::unexpected(Errc::invalid_argument));
        LAW_CHECK(report, detail::stands_at(*file, 7));
        LAW_CHECK(report, file->seek(3, fs::Whence::end) == 13U && detail::reads(*file, ""));
        LAW_CHECK(report, file->attributes()->size == 10);
        LAW_CHECK(report, detail::write(*file, "x"));
        LAW_CHECK(report, detail::reads_at(*file, 9, std::string_view("9\0\0\0x", 5)));
        LAW_CHECK(report, file->seek(2, fs::Whence::data) == 2U);
        LAW_CHECK(report, file->seek(14, fs::Whence::data) == tl::unexpected(Errc::no_device));
    }
};

struct D5 {
    static constexpr const char* text = "D5 read_directory() continues";
    static void check(Report& report, Opener& opener) noexcept {
        const Ref<fs::File> file = opener.open_directory();
        LAW_CHECK(report, file && file->vnode() != nullptr);
        if (!file || file->vnode() == nullptr) {
            return;
        }
        for (std::uint32_t n = 0; n < 8; ++n) {
            LAW_CHECK(report, file_system::make(*file->vnode(), file_system::Numbered(n)));
        }
        for (std::uint32_t round = 0; round < 2; ++round) {
            file_system::CountingSink sink;
            for (std::uint32_t calls = 0; calls < 20; ++calls) {
                sink.room = 3;
                LAW_CHECK(report, file->read_directory(sink).has_value());
            }
            for (std::uint32_t n = 0; n < 8; ++n) {
                LAW_CHECK(report, sink.seen[n] == 1);
            }
            LAW_CHECK(report, file->seek(0, fs::Whence::start) == 0U);
        }
        for (std::uint32_t n = 0; n < 8; ++n) {
            LAW_CHECK(report,
                      file_system::remove(*file->vnode(), file_system::Numbered(n)).has_value());
        }
    }
};

using Suite = TypeList<D1, D2, D3, D4, D5>;

}  // namespace kidney::laws::file
