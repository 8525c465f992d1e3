# Host programs: tests, fuzzers, benchmarks and simulators over the same headers as the kernel.

set(kidney_host_flags "")
if(KIDNEY_SANITIZE)
    list(APPEND kidney_host_flags -fsanitize=${KIDNEY_SANITIZE} -fno-sanitize-recover=all
                                  -fno-omit-frame-pointer)
endif()
if(KIDNEY_COVERAGE)
    list(APPEND kidney_host_flags -fprofile-instr-generate -fcoverage-mapping)
endif()
if(KIDNEY_FUZZ)
    # What counts is how much is tried. Which function is called from where tells nothing that its edges do not; frames
    # are watched after their end by the tests.
    list(APPEND kidney_host_flags -fsanitize=fuzzer-no-link -fno-sanitize-coverage=indirect-calls -O2
                                  -fsanitize-address-use-after-return=never)
endif()
add_compile_options(${kidney_host_flags})
add_link_options(${kidney_host_flags} -fuse-ld=lld)
if(CMAKE_CROSSCOMPILING)
    add_link_options(-static)  # needs no 32-bit libraries
endif()

# 32-bit programs run as they are where the machine can do that, and elsewhere (a kernel without IA32 emulation, another
# kind of CPU) in QEMU's, which takes several times longer.
function(kidney_choose_emulator)
    set(CMAKE_TRY_COMPILE_TARGET_TYPE EXECUTABLE)
    set(program ${CMAKE_BINARY_DIR}/can_run)
    try_compile(linked SOURCE_FROM_CONTENT can_run.cpp "int main() {}" COPY_FILE ${program} OUTPUT_VARIABLE output
                LINK_OPTIONS -static -fuse-ld=lld)
    if(NOT linked)
        message(FATAL_ERROR "a static 32-bit program cannot be linked:\n${output}")
    endif()
    execute_process(COMMAND ${program} RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(NOT status EQUAL 0)
        find_program(KIDNEY_QEMU_I386 qemu-i386 REQUIRED)  # package qemu-user
        set(CMAKE_CROSSCOMPILING_EMULATOR ${KIDNEY_QEMU_I386} PARENT_SCOPE)
    endif()
endfunction()
if(CMAKE_CROSSCOMPILING)
    kidney_choose_emulator()
endif()

# GoogleTest is built with our flags, so that sanitizers and -m32 reach it.
set(INSTALL_GTEST OFF)
set(gtest_disable_pthreads OFF)
add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
include(GoogleTest)

# kidney_host_test(mm_tests LABELS mm SOURCES a.cpp b.cpp [LIBRARIES lib...])
# One executable, one CTest entry per TEST(). The label `concurrent` marks tests with threads of the host.
# The label `search` marks those that try many orders of events; no 32-bit tree has them.
# With KIDNEY_COVERAGE it is one of the programs of the target `coverage`.
function(kidney_host_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES;LABELS")
    # ThreadSanitizer is for what has threads; the rest would only take time.
    if(KIDNEY_SANITIZE STREQUAL "thread" AND NOT "concurrent" IN_LIST arg_LABELS)
        return()
    endif()
    # Which orders there are does not depend on how long a word is, and an emulator would take its time.
    if(CMAKE_CROSSCOMPILING AND "search" IN_LIST arg_LABELS)
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE kidney_headers kidney_test_support ${arg_LIBRARIES} gtest_main)
    target_precompile_headers(${name} REUSE_FROM kidney_test_support)
    if(KIDNEY_COVERAGE)
        add_dependencies(coverage ${name})
    endif()
    # WHY the options: what was freed waits in a quarantine before it is used again. With the usual 256 MiB most of the
    # time of a test with disks goes into fresh pages.
    # The labels follow in a file of their own: a list does not survive PROPERTIES.
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_LIST ${name}_list
                         PROPERTIES TIMEOUT 300 ENVIRONMENT ASAN_OPTIONS=quarantine_size_mb=16)
    set(labels host ${arg_LABELS})
    kidney_declare_labels(${labels})
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake CONTENT
"foreach(test IN LISTS @name@_list)
    set_tests_properties(\"\${test}\" PROPERTIES LABELS \"@labels@\")
endforeach()
" @ONLY)
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES
                 ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
endfunction()

# The report of the preset host-coverage: cmake --build --preset host-coverage --target coverage
if(KIDNEY_COVERAGE)
    add_custom_target(coverage
        COMMAND ${KIDNEY_PYTHON} -IS ${PROJECT_SOURCE_DIR}/tools/coverage.py
                --tree ${CMAKE_BINARY_DIR} --source ${PROJECT_SOURCE_DIR} --output ${CMAKE_BINARY_DIR}/coverage
        USES_TERMINAL VERBATIM)
endif()
