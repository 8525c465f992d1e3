/// What the sanitizers of all fuzzers do by themselves; ASAN_OPTIONS says otherwise. A run takes
/// microseconds, so what is freed comes back soon (it stays in the caches of the CPU), and stacks
/// are noted in short. That a stack frame is used after its end, the tests watch for.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "quarantine_size_mb=4:malloc_context_size=6:detect_stack_use_after_return=0";
}
