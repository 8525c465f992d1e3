# engine_objects: everything below the composition. It cannot see which policies are chosen, so that it is compiled once
# for all images of a preset; engine_objects.txt tells their trees where it is.
file(GLOB_RECURSE engine_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/arch/i686/*.cpp ${PROJECT_SOURCE_DIR}/arch/i686/*.S
    ${PROJECT_SOURCE_DIR}/drivers/*.cpp ${PROJECT_SOURCE_DIR}/mm/*.cpp
    ${PROJECT_SOURCE_DIR}/sched/*.cpp ${PROJECT_SOURCE_DIR}/fs/*.cpp)
list(FILTER engine_sources EXCLUDE REGEX "/arch/i686/(vdso/image|boot)/")
kernel_object_library(engine_objects ${engine_sources})
set(engine_objects $<TARGET_OBJECTS:engine_objects>)
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/engine_objects.txt CONTENT "$<JOIN:${engine_objects},\n>\n")

# The vDSO: user-mode code in the kernel's image. An "executable" because it is no library of the build.
set(vdso_sources ${PROJECT_SOURCE_DIR}/arch/i686/vdso)
linker_script(vdso_script ${vdso_sources}/image/vdso.ld)
add_executable(vdso ${vdso_sources}/image/entry.S ${vdso_sources}/image/clock_calls.cpp ${vdso_script})
target_link_libraries(vdso PRIVATE kidney_engine_headers)
target_include_directories(vdso PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_options(vdso PRIVATE --target=i686-linux-gnu -march=i686 ${kidney_freestanding} -fno-pic -fno-stack-protector
    -mno-sse -mno-mmx -fvisibility=hidden -fomit-frame-pointer -fasynchronous-unwind-tables
    $<$<COMPILE_LANGUAGE:CXX>:-O2 ${kidney_kernel_cxx_flags}>)
target_link_options(vdso PRIVATE --target=i686-linux-gnu -fuse-ld=lld -nostdlib -shared -s ${vdso_script_flag}
    -Wl,-soname,linux-gate.so.1 -Wl,--hash-style=sysv -Wl,--eh-frame-hdr -Wl,-z,rodynamic -Wl,-z,max-page-size=4096
    -Wl,--fatal-warnings -Wl,--build-id=none)
set_target_properties(vdso PROPERTIES SUFFIX .elf LINK_DEPENDS ${vdso_script})
set_source_files_properties(${vdso_sources}/embed.S PROPERTIES
    OBJECT_DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/vdso.elf)
target_include_directories(engine_objects PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
add_dependencies(engine_objects vdso)
