// Which folders to watch to hear of everything that can make a file another. Blocks shortly; any
// thread.
#pragma once

#include <string>
#include <vector>

namespace weir::server {

// The folder of the file that `path` leads to, and those of the symbolic links on the way, which
// may be turned (Kubernetes turns `..data`). Where there is no such file or folder, the deepest one
// that is there. Absolute, each once.
std::vector<std::string> watched_folders(const std::string& path);

}  // namespace weir::server
