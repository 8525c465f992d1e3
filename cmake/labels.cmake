# The labels of the tests, known before anything is built: CTest itself knows those of GoogleTest's cases only
# afterwards. `./kidney test` reads <build tree>/labels.txt to refuse a name that no test has.
function(kidney_declare_labels)
    set_property(GLOBAL APPEND PROPERTY KIDNEY_LABELS ${ARGN})
endfunction()

# Called once, after every test.
function(kidney_write_labels)
    get_property(labels GLOBAL PROPERTY KIDNEY_LABELS)
    list(REMOVE_DUPLICATES labels)
    list(SORT labels)
    list(JOIN labels "\n" text)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/labels.txt CONTENT "@text@\n" @ONLY)
endfunction()
