# What an i686 image can choose about the machine.
kidney_choice(page_table VARIABLE KIDNEY_PAGE_TABLE VALUES two_level pae)
