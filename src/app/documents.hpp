// pull and push: documents of etcd as files. Main thread; each command blocks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/live/define.hpp"

namespace weir::app {

// How etcd is reached: from the options, else from the configuration.
struct EtcdOptions {
  std::string config;  // -c; "": /etc/weir/weir.yaml where --etcd is not given
  std::vector<std::string> endpoints;
  std::string prefix;
  std::string ca, cert, key;
  std::string username;
  std::string password_file;
};

struct PushOptions {
  std::string file;
  std::string name;  // "": of the file
  bool force = false;
};

class DocumentCommands {
 public:
  void define(const LiveCommandLine::Add& add);

 private:
  void add_options(CLI::App& command);

  EtcdOptions etcd_;
  std::string name_;
  PushOptions push_;
};

}  // namespace weir::app
