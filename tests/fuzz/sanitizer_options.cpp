/// What the sanitizers of all fuzzers do by themselves; ASAN_OPTIONS says otherwise. A run takes
/// microseconds, so what is freed comes back soon, after a megabyte of others (it stays in the
/// caches of the CPU), and stacks are noted in short.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=6";
}
