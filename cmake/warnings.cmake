# One set of warnings for the kernel and the host; every one is an error.
add_library(kidney_warnings INTERFACE)
target_compile_options(kidney_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Werror
    -Wthread-safety -Wshadow -Wconversion -Wno-sign-conversion -Wunused -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough -Wextra-semi
    # TRY and MUST are statement expressions: the only way for an expression to return early.
    -Wno-gnu-statement-expression -Wno-gnu-statement-expression-from-macro-expansion
    -Wno-non-virtual-dtor)  # Ref disposes through dispose(); destructors of interfaces are protected
