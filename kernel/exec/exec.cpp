#include "kernel/exec/exec.hpp"

#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/vdso/vdso.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/exec/elf_file.hpp"
#include "kernel/exec/loader.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/memory/layout.hpp"
#include "kernel/names.hpp"
#include "kernel/process/address_spaces.hpp"
#include "kernel/signal/frame.hpp"
#include "kernel/syscall/path_buffer.hpp"
#include "kidney/core/text.hpp"
#include "proc/exec/script.hpp"
#include "proc/exec/stack_image.hpp"
#include "proc/life/exit.hpp"

#include <array>
#include <atomic>
#include <linux/personality.h>

namespace kidney::kernel {
namespace {

constinit std::atomic<Randomisation> randomisation = Randomisation::all;

constexpr unsigned max_scripts = 5;  ///< of which each is run by the next, as in Linux

/// The executable in the end, and what loads it (not open if it does without).
struct Program {
    ElfFile file, interpreter;
};

/// Follows `#!` lines until there is an ELF file. `arguments` changes accordingly.
Status find_file(const fs::PathContext& context, const ExecTarget& target, ArgumentBlock& arguments,
                 ElfFile& file) noexcept {
    std::array<char, max_script_line> interpreter;
    std::string_view name = target.name;
    fs::Place place = target.place;
    for (unsigned depth = 0; depth <= max_scripts; ++depth) {
        TRY(file.open(std::move(place), context.credentials));
        const auto bytes = file.head();
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        const std::optional<ScriptLine> script = TRY(parse_script_line(text));
        if (!script) {
            TRY(file.read_headers());
            return file.headers().is_program() ? Status() : fail(Errc::not_executable);
        }
        if (target.name_ends) {
            return fail(Errc::not_found);
        }
        TRY(arguments.replace_first(script->interpreter, script->argument, name));
        script->interpreter.copy(interpreter.data(), interpreter.size());
        name = {interpreter.data(), script->interpreter.size()};
        place = TRY(vfs().place_at(context, name, true));
    }
    return fail(Errc::too_many_symlinks);
}

/// The interpreter that the program names, if it names one.
Status find_interpreter(const fs::PathContext& context, Program& program) noexcept {
    const std::optional<FileExtent> where = program.file.headers().interpreter();
    if (!where) {
        return {};
    }
    if (where->size < 2 || where->size > fs::max_path) {
        return fail(Errc::not_executable);
    }
    PathBuffer buffer;
    const std::span<char> path = TRY(buffer.allocate()).first(where->size);
    TRY(program.file.read(where->offset, std::as_writable_bytes(path)));
    if (path.back() != '\0') {
        return fail(Errc::not_executable);
    }
    TRY(program.interpreter.open(TRY(vfs().place_at(context, path.data(), true)),
                                 context.credentials));
    if (program.interpreter.head().size() < sizeof(Elf32_Ehdr)) {
        return fail(Errc::io_error);
    }
    const Status status = program.interpreter.read_headers();
    if (!status && status.error() == Errc::not_executable) {
        return fail(Errc::bad_library);
    }
    return status;
}

std::string_view last_component(std::string_view path) noexcept {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : slice(path, slash + 1);
}

/// Who a process of identity `who` is when it runs `file`: set-user-ID and set-group-ID bits, if
/// they may give it what it does not have.
Identity identity_in(const fs::Attributes& file, Identity who, bool no_new_rights) noexcept {
    if ((file.permissions.bits() & 04000U) != 0 && !no_new_rights) {
        who.user.effective = file.uid;
    }
    if ((file.permissions.bits() & 02010U) == 02010U && !no_new_rights) {
        who.group.effective = file.gid;
    }
    who.user.saved = who.user.file = who.user.effective;
    who.group.saved = who.group.file = who.group.effective;
    who.reset_rights();
    return who;
}
/// It acts for others than who called it: who can look into the one must not see the other.
bool is_somebody_else(const Identity& who) noexcept {
    return who.user.effective != who.user.real || who.group.effective != who.group.real;
}

/// Where the parts of the next program lie. One that acts for others does so where they cannot
/// guess, whatever they asked for.
LayoutShifts draw_shifts(std::uint32_t personality, const Identity& who) noexcept {
    const bool is_fixed = (personality & ADDR_NO_RANDOMIZE) != 0 && !is_somebody_else(who);
    std::array<std::uint32_t, layout_lots> lots;
    fill_random(std::as_writable_bytes(std::span(lots)));
    return draw_layout(is_fixed ? Randomisation::none : layout_randomisation(), lots);
}

/// RLIMIT_STACK, but what the arguments take is there in any case.
std::uint32_t stack_size(const Limits& limits, const ArgumentBlock& arguments) noexcept {
    constexpr std::size_t beside = 4 * page_size;
    const std::size_t pointers =
        (arguments.argument_count() + arguments.environment_count()) * sizeof(std::uint32_t);
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(limits.current(abi::limit_stack),
                                  arguments.bytes().size() + pointers + beside, largest_stack));
}

/// Copies the stack image into the new address space; returns where its parts are. `who` is the
/// identity that the program will have.
Result<StackLayout> write_stack(const Identity& who, const LoadedProgram& program,
                                const ArgumentBlock& arguments, std::string_view path,
                                std::uint32_t gap) noexcept {
    AddressSpace& memory = *program.memory;
    std::array<std::byte, 16> random;
    fill_random(random);
    const StackImageInput in{
        .top = program.stack_top,
        .strings = arguments.bytes(),
        .argc = arguments.argument_count(),
        .envc = arguments.environment_count(),
        .gap = gap,
        .executable = path,
        .random = random,
        .entry = program.entry,
        .interpreter_base = program.interpreter_base,
        .program_headers = program.program_headers,
        .vdso = layout::user_vdso,
        .system_call_entry = arch::vdso_entry(),
        .program_header_count = program.program_header_count,
        .uid = who.user.real,
        .euid = who.user.effective,
        .gid = who.group.real,
        .egid = who.group.effective,
        .hardware_capabilities = arch::cpuid(1).edx,
        .signal_frame_size = max_frame_size,
        .secure = is_somebody_else(who),  // the C library must not trust the environment
    };
    const StackLayout at = TRY(layout_stack(in, stack_limit));
    TRY(memory.copy_to(at.strings, std::as_bytes(in.strings)));
    TRY(memory.copy_to(at.executable, std::as_bytes(std::span(path))));
    TRY(memory.copy_to(at.platform, std::as_bytes(std::span(platform_name))));
    TRY(memory.copy_to(at.random, random));
    // The words go out in pieces: there may be thousands.
    std::array<std::uint32_t, 64> words;
    std::size_t count = 0;
    VirtAddr to = at.stack_pointer;
    Status status;
    const auto flush = [&] {
        if (status) {
            status = memory.copy_to(to, std::as_bytes(std::span(words).first(count)));
        }
        to += static_cast<std::uint32_t>(count * sizeof(std::uint32_t));
        count = 0;
    };
    write_stack_words(in, at, [&](std::uint32_t word) {
        words[count++] = word;
        if (count == words.size()) {
            flush();
        }
    });
    flush();
    TRY(std::move(status));
    return at;
}

/// What a new program does not inherit.
void forget_old_program(Process& self, fs::Vnode& executable, std::string_view name,
                        const ArgumentBlock& arguments, const StackLayout& stack) noexcept {
    self.files.close_for_exec();
    self.replace(self.executable, Ref<fs::Vnode>::share(executable));
    Thread& thread = self.this_thread();
    self.posix_timers.remove_all();
    thread.set_name(name);
    if (traces_events()) [[unlikely]] {
        trace_name();
    }
    thread.user_state.reset_current();
    LockGuard guard(World::process_lock);
    self.dumpable = true;
    self.keeps_capabilities = false;
    if (is_somebody_else(self.identity)) {
        self.become_opaque();
        self.personality &= ~std::uint32_t{PER_CLEAR_ON_SETID};
    }
    self.signals.reset_for_exec();
    thread.signals.disable_alternate_stack();
    const auto arguments_size = static_cast<std::uint32_t>(arguments.arguments().size());
    const auto strings_size = static_cast<std::uint32_t>(arguments.bytes().size());
    self.arguments = {stack.strings, arguments_size};
    self.environment = {stack.strings + arguments_size, strings_size - arguments_size};
    self.auxiliary = stack.auxiliary_vector();
    self.has_executed = true;
}

}  // namespace

Randomisation layout_randomisation() noexcept {
    return randomisation.load(std::memory_order_relaxed);
}
void set_layout_randomisation(Randomisation how) noexcept {
    randomisation.store(how, std::memory_order_relaxed);
}

Status execute(Process& self, hal::TrapFrame& frame, const fs::PathContext& context,
               const ExecTarget& target, ArgumentBlock& arguments) noexcept {
    Program program;
    TRY(find_file(context, target, arguments, program.file));
    TRY(find_interpreter(context, program));
    const fs::Attributes attributes = TRY(program.file.node().attributes());
    const Identity identity =
        identity_in(attributes, *self.who(), self.no_new_rights || !program.file.gives_rights());
    const LayoutShifts shifts = draw_shifts(self.personality, identity);
    LoadedProgram loaded = TRY(load_program(program.file, program.interpreter,
                                            stack_size(self.limits, arguments), shifts));
    const StackLayout stack =
        TRY(write_stack(identity, loaded, arguments, target.name, shifts.words));

    TRY(end_other_threads(self));
    // Behind this line nothing fails: there is no old program to return to.
    release_words(self);
    enter_address_space(self, std::move(loaded.memory));
    return_borrowed_memory(self, sched::WakeHint::none);
    {
        LockGuard guard(World::process_lock);
        self.replace(self.identity, identity);
    }
    forget_old_program(self, program.file.node(), last_component(target.name), arguments, stack);
    self.execution = program.file.execution();
    frame = arch::user_start_frame(loaded.start, stack.stack_pointer);
    return {};
}

}  // namespace kidney::kernel
