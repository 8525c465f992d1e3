/// The laws of `Vnode` about what a file holds, V7 to V13. Freestanding.
#pragma once

#include "tests/laws/files/names.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws::file_system {

struct V7 {
    static constexpr const char* text = "V7 read() answers what write() stored";
    static void check(Report& report, Subject& s) noexcept {
        const auto made = make(*s.home, "a");
        LAW_CHECK(report, made.has_value());
        if (!made) {
            return;
        }
        fs::Vnode& file = **made;
        LAW_CHECK(report, ends_at(file, 0));
        LAW_CHECK(report, put(file, 0, 10'000, 7) == 10'000U && holds(file, 0, 10'000, 7));
        LAW_CHECK(report, put(file, 4'000, 200, 8) == 200U);
        LAW_CHECK(report, holds(file, 0, 4'000, 7) && holds(file, 4'000, 200, 8));
        LAW_CHECK(report, holds(file, 4'200, 5'800, 7) && ends_at(file, 10'000));
        // A hole, and a file that is longer than what direct pointers usually reach.
        LAW_CHECK(report, put(file, 90'000, 500, 9) == 500U && ends_at(file, 90'500));
        LAW_CHECK(report, holds(file, 10'000, 80'000, 0) && holds(file, 90'000, 500, 9));
        LAW_CHECK(report, put(file, 50'000, 1, 10) == 1U && holds(file, 50'001, 39'999, 0));
        LAW_CHECK(report, holds(file, 49'990, 10, 0) && holds(file, 50'000, 1, 10));
        if (s.can.sparse) {
            const auto a = file.attributes();
            LAW_CHECK(report, a && a->blocks * 512 < 60'000);
        }
        // Short only at the end.
        std::array<std::byte, piece> bytes;
        fs::SpanReadBuffer to(bytes);
        LAW_CHECK(report, file.read(90'400, to) == 100U);
        fs::SpanReadBuffer far(bytes);
        LAW_CHECK(report, file.read(std::uint64_t{1} << 40, far) == 0U);
        fs::SpanWriteBuffer nothing(std::span(bytes).first(0));
        LAW_CHECK(report, file.write(200'000, nothing) == 0U && ends_at(file, 90'500));
        LAW_CHECK(report, remove(*s.home, "a").has_value());
    }
};

struct V8 {
    static constexpr const char* text = "V8 append() begins at the end";
    static void check(Report& report, Subject& s) noexcept {
        const auto made = make(*s.home, "a");
        LAW_CHECK(report, made.has_value());
        if (!made) {
            return;
        }
        for (std::uint64_t n = 1; n <= 40; ++n) {
            LAW_CHECK(report, put_at_end(**made, 131, 11) == n * 131);
        }
        LAW_CHECK(report, ends_at(**made, 5240) && holds(**made, 0, 5240, 11));
        LAW_CHECK(report, put(**made, 6000, 1, 12) == 1U && put_at_end(**made, 5, 13) == 6006U);
        LAW_CHECK(report, holds(**made, 5240, 760, 0) && holds(**made, 6001, 5, 13));
        check_limit(report, **made);
        check_set_id(report, **made);
        LAW_CHECK(report, remove(*s.home, "a").has_value());
    }

private:
    /// Somebody gives the file set-id bits while the bytes are on their way.
    class LateBits final : public fs::WriteBuffer {
    public:
        explicit LateBits(fs::Vnode& file) noexcept : WriteBuffer(10), file_(file) {}

    private:
        std::size_t load(std::span<std::byte> bytes) noexcept override {
            static_cast<void>(file_.set_attributes({.permissions = fs::Permissions(06755)}));
            for (std::byte& byte : bytes) {
                byte = std::byte{1};
            }
            return bytes.size();
        }
        fs::Vnode& file_;
    };
    [[nodiscard]] static bool has(fs::Vnode& file, std::uint16_t bits) noexcept {
        const auto now = file.attributes();
        return now && now->permissions == fs::Permissions(bits);
    }
    [[nodiscard]] static bool give(fs::Vnode& file, std::uint16_t bits) noexcept {
        return file.set_attributes({.permissions = fs::Permissions(bits)}).has_value() &&
               has(file, bits);
    }
    /// Of a file of 6010 bytes, where there are such bits.
    static void check_set_id(Report& report, fs::Vnode& file) noexcept {
        if (!give(file, 06755)) {
            return;
        }
        const auto bytes = std::as_bytes(std::span("0123456789", 10));
        fs::SpanWriteBuffer none(bytes);
        none.limit_size(6010);
        none.end_set_id(fs::SetIdBits::end);
        LAW_CHECK(report, file.write(6010, none).error() == Errc::file_too_big && has(file, 06755));
        fs::SpanWriteBuffer by_root(bytes);
        LAW_CHECK(report, file.write(0, by_root) == 10U && has(file, 06755));
        fs::SpanWriteBuffer first(bytes);
        first.end_set_id(fs::SetIdBits::end);
        LAW_CHECK(report, file.write(0, first) == 10U && has(file, 0755));
        LAW_CHECK(report, give(file, 06644));
        fs::SpanWriteBuffer of_group(bytes);
        of_group.end_set_id(fs::SetIdBits::end_of_group);
        std::uint64_t end = 0;
        LAW_CHECK(report, file.append(of_group, end) == 10U && has(file, 02644));
        LateBits late(file);
        late.end_set_id(fs::SetIdBits::end);
        LAW_CHECK(report, file.write(0, late) == 10U && has(file, 0755));
        LAW_CHECK(report, give(file, 0644));
    }
    /// The file has 6006 bytes, and may get 6010.
    static void check_limit(Report& report, fs::Vnode& file) noexcept {
        constexpr std::uint64_t most = 6010;
        const auto bytes = std::as_bytes(std::span("0123456789", 10));
        std::uint64_t end = 0;
        fs::SpanWriteBuffer some(bytes);
        some.limit_size(most);
        LAW_CHECK(report, file.append(some, end) == 4U && end == most && ends_at(file, most));
        fs::SpanWriteBuffer none(bytes);
        none.limit_size(most);
        LAW_CHECK(report, file.append(none, end).error() == Errc::file_too_big);
        fs::SpanWriteBuffer last(bytes);
        last.limit_size(most);
        LAW_CHECK(report, file.write(most - 1, last) == 1U);
        fs::SpanWriteBuffer behind(bytes);
        behind.limit_size(most);
        LAW_CHECK(report, file.write(most, behind).error() == Errc::file_too_big);
        LAW_CHECK(report, ends_at(file, most));
    }
};

struct V9 {
    static constexpr const char* text = "V9 a file that is cut forgets";
    static void check(Report& report, Subject& s) noexcept {
        const auto made = make(*s.home, "a");
        LAW_CHECK(report, made.has_value());
        if (!made) {
            return;
        }
        fs::Vnode& file = **made;
        constexpr std::uint64_t ends[] = {70'000, 57'344, 49'152, 49'151, 8'193, 8'192, 1, 0};
        LAW_CHECK(report, put(file, 0, 80'000, 14) == 80'000U);
        for (const std::uint64_t end : ends) {
            LAW_CHECK(report, cut(file, end) && ends_at(file, end));
            LAW_CHECK(report, holds(file, 0, static_cast<std::size_t>(end), 14));
            LAW_CHECK(report, cut(file, end + 6'000) && ends_at(file, end + 6'000));
            LAW_CHECK(report, holds(file, end, 6'000, 0));
        }
        LAW_CHECK(report, cut(file, 0) && file.attributes()->blocks == 0);
        LAW_CHECK(report, remove(*s.home, "a").has_value());
    }
};

struct V10 {
    static constexpr const char* text = "V10 attributes are what they were made";
    static void check(Report& report, Subject& s) noexcept {
        const auto a = make(*s.home, "a");
        const auto d = make(*s.home, "d", fs::NodeType::directory);
        LAW_CHECK(report, a && d);
        if (!a || !d) {
            return;
        }
        const auto before = (*a)->attributes();
        LAW_CHECK(report, before && before->type == fs::NodeType::regular && before->size == 0);
        LAW_CHECK(report, before->inode != (*d)->attributes()->inode);
        LAW_CHECK(report, before->inode != s.home->attributes()->inode);
        fs::AttributeChange owner;
        owner.uid = 70'000;
        owner.gid = 5;
        const Status owned = (*a)->set_attributes(owner);
        LAW_CHECK(report, s.can.permissions ? owned.has_value()
                                            : owned || owned.error() == Errc::not_permitted);
        fs::AttributeChange change;
        change.permissions = fs::Permissions(0751);
        change.accessed = fs::FileTime{s.can.first_second + 1'000, 0};
        change.modified = fs::FileTime{s.can.first_second + 2'000, 0};
        LAW_CHECK(report, (*a)->set_attributes(change).has_value());
        const auto after = (*a)->attributes();
        LAW_CHECK(report, after && after->inode == before->inode && after->links == 1);
        LAW_CHECK(report, !s.can.permissions || after->permissions == fs::Permissions(0751));
        LAW_CHECK(report, !s.can.permissions || (after->uid == 70'000 && after->gid == 5));
        LAW_CHECK(report, after->modified.seconds == s.can.first_second + 2'000);
        LAW_CHECK(report,
                  move(*s.home, "a", **d, "b") && (*a)->attributes()->inode == before->inode);
        LAW_CHECK(report, remove(**d, "b") && remove(*s.home, "d"));
    }
};

struct V11 {
    static constexpr const char* text = "V11 read_link() answers the text of the link";
    static void check(Report& report, Subject& s) noexcept {
        std::array<char, 200> letters{};
        for (std::size_t i = 0; i < letters.size(); ++i) {
            letters[i] = static_cast<char>('a' + i % 26);
        }
        std::array<char, 256> buffer{};
        for (const std::size_t length : {std::size_t{1}, std::size_t{58}, letters.size()}) {
            const std::string_view target(letters.data(), length);
            const auto link = make(*s.home, "l", fs::NodeType::symlink, target);
            LAW_CHECK(report, link.has_value() == s.can.symlinks);
            if (!link) {
                return;
            }
            LAW_CHECK(report, (*link)->read_link(buffer) == length && size(**link) == length);
            LAW_CHECK(report, std::string_view(buffer.data(), length) == target);
            LAW_CHECK(report, (*link)->read_link(std::span(buffer).first(1)) == 1U);
            LAW_CHECK(report, remove(*s.home, "l").has_value());
        }
        const auto file = make(*s.home, "a");
        LAW_CHECK(report, file && fails_with((*file)->read_link(buffer), Errc::invalid_argument));
        LAW_CHECK(report, remove(*s.home, "a").has_value());
    }
};

struct V12 {
    static constexpr const char* text = "V12 directories have no data, files no names";
    static void check(Report& report, Subject& s) noexcept {
        std::array<std::byte, 4> bytes{};
        fs::SpanReadBuffer to(bytes);
        LAW_CHECK(report, fails_with(s.home->read(0, to), Errc::is_directory));
        fs::SpanWriteBuffer from(bytes);
        LAW_CHECK(report, fails_with(s.home->write(0, from), Errc::is_directory));
        const auto file = make(*s.home, "a");
        LAW_CHECK(report, file.has_value());
        if (!file) {
            return;
        }
        CountingSink sink;
        LAW_CHECK(report, fails_with((*file)->lookup("x"), Errc::not_directory));
        LAW_CHECK(report, fails_with((*file)->parent(), Errc::not_directory));
        LAW_CHECK(report, fails_with((*file)->read_directory(0, sink), Errc::not_directory));
        LAW_CHECK(report, fails_with(make(**file, "x"), Errc::not_directory));
        LAW_CHECK(report, remove(*s.home, "a").has_value());
    }
};

struct V13 {
    static constexpr const char* text = "V13 a full disk takes nothing and loses nothing";
    static void check(Report& report, Subject& s) noexcept {
        const auto kept = make(*s.home, "kept");
        const auto filler = make(*s.home, "filler");
        LAW_CHECK(report, kept && filler && put(**kept, 0, 5'000, 15) == 5'000U);
        if (!kept || !filler) {
            return;
        }
        std::uint64_t end = 0;
        Result<std::size_t> written = 0;
        for (std::uint32_t n = 0; n < 4096 && written;
             ++n) {  // one file may have a limit of its own
            written = put(**filler, end, 65'536, 16);
            end += written.value_or(0);
        }
        LAW_CHECK(report,
                  fails_with(written, Errc::no_space) || fails_with(written, Errc::file_too_big));
        LAW_CHECK(report, ends_at(**filler, end));
        LAW_CHECK(report, end < 4'096 || holds(**filler, end - 4'096, 4'096, 16));
        LAW_CHECK(report, holds(**kept, 0, 5'000, 15) && put(**kept, 10, 10, 17) == 10U);
        LAW_CHECK(report, cut(**filler, 4'096) && holds(**filler, 0, 4'096, 16));
        LAW_CHECK(report, put(**filler, 4'096, 8'192, 16) == 8'192U);
        LAW_CHECK(report, remove(*s.home, "filler") && remove(*s.home, "kept"));
    }
};

}  // namespace kidney::laws::file_system
