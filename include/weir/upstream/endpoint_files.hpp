// The files of `endpoints_from`: looks each second whether they have become others, and gives what
// they list to their clusters, without a snapshot. A file that is gone or wrong changes nothing,
// and an empty one only after a while (control/empty_list). Files are read and parsed on another
// thread; all else is the main thread's.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/config/endpoints_file.hpp"
#include "weir/control/empty_list.hpp"
#include "weir/names/watched_file.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

struct EndpointFilesTimes {
  Duration interval = std::chrono::seconds(1);  // between looks at the files
  // A file that has changed is read when it has been the same for so long: it may still be written.
  Duration settle = std::chrono::milliseconds(100);
  Duration longest_settle = std::chrono::seconds(2);  // after this it is read as it is
  // One that could not be taken is read again after this, also where it is the same.
  Duration retry = std::chrono::seconds(10);
};

// What is known of the file of an upstream.
struct EndpointsFileInfo {
  std::string file;                    // as configured
  std::size_t endpoints = 0;           // that it listed when it could be read
  std::string error;                   // why it could not be taken the last time, "" for nothing
  Duration read_ago{};                 // since it could be read
  std::optional<Duration> empty_in{};  // until its empty list is in force; not negative
};

class EndpointFiles {
 public:
  // Runs a job on another thread, and what that returns on the main thread, never from within.
  using Then = std::function<void()>;
  using RunAside = std::function<void(std::function<Then()> job)>;
  // A file was read again and is another one, or could not be taken.
  using Report = std::function<void(std::string_view upstream, const EndpointsFileInfo& info)>;

  // `changed`: a cluster has another list than before, with names that are perhaps new.
  EndpointFiles(asio::io_context& main, RunAside aside, Report report,
                std::function<void()> changed, EndpointFilesTimes times = {});
  ~EndpointFiles();
  EndpointFiles(const EndpointFiles&) = delete;
  EndpointFiles& operator=(const EndpointFiles&) = delete;

  // The clusters of the configuration in use, after each commit(), before their names are looked
  // up: their files are watched from now on, and no others. Never calls `changed`.
  void watch(std::span<const std::shared_ptr<Cluster>> clusters);
  // Nothing without such a file.
  std::optional<EndpointsFileInfo> describe(const Cluster& cluster) const;
  // No function is called after this.
  void stop();

 private:
  using Reading = std::expected<config::ListedEndpoints, std::vector<config::Problem>>;
  struct File {
    std::weak_ptr<Cluster> cluster;
    config::EndpointsFrom from;
    names::WatchedFile look{""};
    control::EmptyList empty;
    std::optional<TimePoint> changed_at{};  // and not taken since
    std::optional<TimePoint> retry_at{};    // it could not be taken
    std::uint64_t reading = 0;              // which one is under way, 0 for none
    TimePoint read_at{};                    // when the last good reading began
    std::size_t endpoints = 0;
    std::string error;
  };

  void look();
  bool is_settled(File& file, TimePoint now) const;
  void read(const std::string& upstream, File& file);
  void took(const std::string& upstream, std::uint64_t reading, TimePoint began,
            const Reading& result);
  void fail(const std::string& upstream, File& file, std::span<const config::Problem> problems);
  static bool give(const File& file, const config::ListedEndpoints& listed);
  static EndpointsFileInfo info_of(const File& file, TimePoint now);
  void schedule();

  const RunAside aside_;
  const Report report_;
  const std::function<void()> changed_;
  const EndpointFilesTimes times_;
  std::map<std::string, File, std::less<>> files_;  // by upstream
  std::uint64_t readings_ = 0;
  asio::steady_timer timer_;
  bool stopped_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace weir::upstream
