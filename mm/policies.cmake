# The policies of mm/. A new one is its header and one line here.
kidney_slot(frame_allocator VARIABLE KIDNEY_FRAME_ALLOCATOR DEFAULT buddy)
kidney_policy(frame_allocator bitmap_first_fit mm/frames/bitmap_first_fit.hpp mm::BitmapFirstFit)
kidney_policy(frame_allocator buddy mm/frames/buddy.hpp mm::BuddyAllocator)

kidney_slot(heap VARIABLE KIDNEY_HEAP DEFAULT size_class)
kidney_policy(heap size_class mm/heap/size_class.hpp mm::SizeClass)
