#include <fmt/format.h>

#include <limits>
#include <utility>

#include "provider/etcd/calls.hpp"
#include "provider/etcd/messages.hpp"
#include "provider/known_document.hpp"
#include "weir/base/text.hpp"
#include "weir/provider/etcd_documents.hpp"

namespace weir::provider {
namespace {

constexpr std::string_view revision_mark = "# weir: revision ";

std::shared_ptr<const KnownDocument> known_version(std::string name, std::string version,
                                                   std::string text) {
  return std::make_shared<const KnownDocument>(
      "etcd", std::make_shared<const Document>(
                  Document{std::move(name), std::move(version), std::move(text)}));
}

}  // namespace

std::expected<std::vector<StoredDocument>, std::string> list_documents(
    const config::EtcdProvider& etcd) {
  const auto answer = etcd::ask_once(etcd.access, "/v3/kv/range", etcd::list_question(etcd.prefix));
  if (!answer) return std::unexpected(answer.error());
  auto range = etcd::parse_range(*answer);
  if (!range) return std::unexpected(range.error());
  std::vector<StoredDocument> out;
  for (etcd::KeyValue& each : range->keys) {
    if (each.key.size() <= etcd.prefix.size() || !each.key.starts_with(etcd.prefix)) continue;
    out.push_back({each.key.substr(etcd.prefix.size()), std::move(each.value), each.mod_revision});
  }
  return out;
}

std::expected<PutOutcome, std::string> put_document(const config::EtcdProvider& etcd,
                                                    const std::string& name,
                                                    const std::string& text,
                                                    std::optional<std::int64_t> if_revision) {
  const auto answer = etcd::ask_once(etcd.access, "/v3/kv/txn",
                                     etcd::put_question(etcd.prefix + name, text, if_revision));
  if (!answer) return std::unexpected(answer.error());
  const auto put = etcd::parse_put(*answer);
  if (!put) return std::unexpected(put.error());
  return PutOutcome{put->done, put->done ? put->revision : put->is_revision};
}

Inputs inputs_with(const std::vector<StoredDocument>& stored, const std::string& name,
                   const std::string& text) {
  Inputs out;
  std::shared_ptr<const KnownDocument> good;
  for (const StoredDocument& each : stored) {
    auto known = known_version(each.name, std::to_string(each.revision), each.text);
    if (each.name == name) {
      good = std::move(known);
      continue;
    }
    out.push_back({.provider = "etcd", .rank = 1, .name = each.name, .now = known, .good = known});
  }
  out.push_back({.provider = "etcd",
                 .rank = 1,
                 .name = name,
                 .now = known_version(name, "new", text),
                 .good = std::move(good)});
  return out;
}

std::optional<PulledText> parse_pulled(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!text.starts_with(revision_mark)) return std::nullopt;
  text.remove_prefix(revision_mark.size());
  const std::size_t end = text.find('\n');
  std::string_view number = text.substr(0, end);
  if (number.ends_with('\r')) number.remove_suffix(1);
  const auto revision = parse_decimal(number);
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!revision || *revision > most) return std::nullopt;
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return PulledText{static_cast<std::int64_t>(*revision), text};
}

std::string pulled_text(std::int64_t revision, std::string_view text) {
  return fmt::format("{}{}\n{}", revision_mark, revision, text);
}

}  // namespace weir::provider
