# cmake -DCOMPILER= -DSOURCE= -DINCLUDES= -P check.cmake: fails unless the compiler refuses SOURCE for
# the reasons that it names.
file(STRINGS ${SOURCE} expectations REGEX "^// EXPECT: ")
if(NOT expectations)
    message(FATAL_ERROR "${SOURCE} has no `// EXPECT:` line")
endif()
list(TRANSFORM INCLUDES PREPEND -I)
execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only -Wthread-safety -Werror=thread-safety
                        -Werror=unused-result -Werror=dangling -fno-color-diagnostics ${INCLUDES} ${SOURCE}
                RESULT_VARIABLE status ERROR_VARIABLE output)
if(status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles, but must not")
endif()
foreach(line IN LISTS expectations)
    string(REPLACE "// EXPECT: " "" text "${line}")
    string(FIND "${output}" "${text}" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "the message does not say \"${text}\":\n${output}")
    endif()
endforeach()
