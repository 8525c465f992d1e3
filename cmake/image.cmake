# The images an emulator boots, and the target that boots them. The work is done by tools/image and ./kidney.
#
#   kidney.iso   GRUB 2 and the kernel           target `iso`
#   root.ext2    the root file system, a disk    target `disk`
#   run          boots both in this terminal
set(kidney_image_tools ${PROJECT_SOURCE_DIR}/tools/image)

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/kidney.iso
    COMMAND ${KIDNEY_PYTHON} -IS ${kidney_image_tools}/make_iso.py
            --kernel $<TARGET_FILE:kernel> --objcopy ${CMAKE_OBJCOPY} --output ${CMAKE_BINARY_DIR}/kidney.iso
    DEPENDS kernel ${kidney_image_tools}/make_iso.py
    COMMENT "Making the boot image" VERBATIM)
add_custom_target(iso ALL DEPENDS ${CMAKE_BINARY_DIR}/kidney.iso)

if(KIDNEY_COMMON_TREE)
    foreach(part rootfs root.ext2)
        file(REMOVE_RECURSE ${CMAKE_BINARY_DIR}/${part})
        file(CREATE_LINK ${KIDNEY_COMMON_TREE}/${part} ${CMAKE_BINARY_DIR}/${part} SYMBOLIC)
    endforeach()
    add_custom_target(disk)
else()
    # Looks at the staged tree each time, and only makes the disk again when something in it has changed.
    add_custom_target(disk ALL
        COMMAND ${KIDNEY_PYTHON} -IS ${kidney_image_tools}/make_root_disk.py
                --output ${CMAKE_BINARY_DIR}/root.ext2 ${CMAKE_BINARY_DIR}/rootfs
        COMMENT "Checking the root disk" VERBATIM)
    add_dependencies(disk rootfs)
    # What the trees of other policies take from this one.
    add_custom_target(common DEPENDS engine_objects)
    add_dependencies(common disk)
endif()

# `run` is interactive. `boot` is for the workflow preset of that name. CMake (3.25) leaves the steps of a workflow no
# terminal to read from, so there it is a boot that shows that the shell works, and ends.
add_custom_target(run
    COMMAND ${PROJECT_SOURCE_DIR}/kidney run --tree ${CMAKE_BINARY_DIR}
    USES_TERMINAL VERBATIM)
add_custom_target(boot
    COMMAND sh -c "if [ -t 0 ]; then exec \"$0\" run --tree \"$1\"; else exec \"$0\" run --tree \"$1\" --exec 'uname -a'; fi"
            ${PROJECT_SOURCE_DIR}/kidney ${CMAKE_BINARY_DIR}
    USES_TERMINAL VERBATIM)
add_dependencies(run iso disk)
add_dependencies(boot iso disk)
