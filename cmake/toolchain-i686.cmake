# 32-bit x86: Clang 19 with the headers and libraries of Debian's g++-i686-linux-gnu. The same compiler
# serves the kernel (freestanding flags, kernel/CMakeLists.txt), our user programs and the 32-bit host
# tests (hosted, static).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET i686-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET i686-linux-gnu)
set(CMAKE_ASM_COMPILER_TARGET i686-linux-gnu)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_OBJCOPY llvm-objcopy-19)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
