// Another thread's close() may end the file once the handle is gone: it needs a variable.
// EXPECT: overload resolution selected deleted operator '->'
// EXPECT: overload resolution selected deleted operator '*'
#include "kidney/core/lock.hpp"
#include "proc/files/fd_table.hpp"

using namespace kidney;

Result<fs::Vnode*> node_of(proc::FdTable& files, proc::Fd fd) {
    return TRY(files.get(fd))->vnode();
}
Result<fs::File*> file_of(proc::FdTable& files, proc::Fd fd) {
    fs::File& file = *TRY(files.get(fd));
    return &file;
}
