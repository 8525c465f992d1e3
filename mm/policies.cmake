# The policies of mm/. A new one is its header and one line here.
kidney_slot(frame_allocator VARIABLE KIDNEY_FRAME_ALLOCATOR DEFAULT buddy)
