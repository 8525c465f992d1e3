# The policies of mm/. A new one is its header and one line here.
kidney_slot(frame_allocator VARIABLE KIDNEY_FRAME_ALLOCATOR DEFAULT buddy_bitmap)
kidney_policy(frame_allocator best_fit mm/frames/best_fit.hpp mm::BestFit)
kidney_policy(frame_allocator buddy mm/frames/buddy.hpp mm::Buddy)
kidney_policy(frame_allocator buddy_bitmap mm/frames/buddy_bitmap.hpp mm::BuddyBitmap)
kidney_policy(frame_allocator first_fit mm/frames/first_fit.hpp mm::FirstFit)
kidney_policy(frame_allocator free_list mm/frames/free_list.hpp mm::FreeList)
kidney_policy(frame_allocator fullest_region mm/frames/fullest_region.hpp mm::FullestRegion)
kidney_policy(frame_allocator next_fit mm/frames/next_fit.hpp mm::NextFit)

kidney_slot(heap VARIABLE KIDNEY_HEAP DEFAULT slab)
kidney_policy(heap segregated_fit mm/heap/segregated_fit.hpp mm::SegregatedFit)
kidney_policy(heap slab mm/heap/slab_heap.hpp mm::SlabPolicy)
kidney_policy(heap tlsf mm/heap/tlsf.hpp mm::Tlsf)
