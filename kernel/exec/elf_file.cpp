#include "kernel/exec/elf_file.hpp"

namespace kidney::kernel {

ElfFile::~ElfFile() {
    if (!far_table_.empty()) {
        heap().free(far_table_.data(), far_table_.size());
    }
}

Status ElfFile::open(fs::Place place, const fs::Credentials& credentials) noexcept {
    const fs::MountFlags flags = place.mount ? place.mount->flags() : fs::MountFlags{};
    if (place.node->type() != fs::NodeType::regular || flags.no_execute) {
        return fail(Errc::permission_denied);
    }
    TRY(fs::check_access(TRY(place.node->attributes()), credentials, fs::Access::execute));
    execution_ = TRY(fs::Execution::begin(std::move(place.node)));
    gives_rights_ = !flags.no_set_id;
    fs::SpanReadBuffer buffer(head_);
    head_size_ = TRY(execution_.node()->read(0, buffer));
    return {};
}

Status ElfFile::read_headers() noexcept {
    const FileExtent table = TRY(ElfHeaders::locate(head()));
    if (std::uint64_t{table.offset} + table.size <= head_size_) {
        headers_ = ElfHeaders(head(), head().subspan(table.offset, table.size));
        return {};
    }
    far_table_ = {static_cast<std::byte*>(TRY(heap().allocate(table.size))), table.size};
    if (Status status = read(table.offset, far_table_); !status) {
        return fail(status.error() == Errc::no_memory ? Errc::no_memory : Errc::not_executable);
    }
    headers_ = ElfHeaders(head(), far_table_);
    return {};
}

Status ElfFile::read(std::uint32_t offset, std::span<std::byte> to) noexcept {
    fs::SpanReadBuffer buffer(to);
    return TRY(execution_.node()->read(offset, buffer)) == to.size() ? Status()
                                                                     : fail(Errc::io_error);
}

}  // namespace kidney::kernel
