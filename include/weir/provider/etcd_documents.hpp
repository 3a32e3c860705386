// Documents in etcd, asked for and put once: for commands. Blocks.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/providers.hpp"
#include "weir/provider/document.hpp"
#include "weir/provider/joining.hpp"

namespace weir::provider {

struct StoredDocument {
  std::string name;  // of its key, behind the prefix
  std::string text;
  std::int64_t revision = 0;  // of its last change
};

// All below the prefix, by name. Fails with what the endpoints said, in one line.
std::expected<std::vector<StoredDocument>, std::string> list_documents(
    const config::EtcdProvider& etcd);

struct PutOutcome {
  bool done = false;
  std::int64_t revision = 0;  // of this change; not done: of the one that is there, 0 for none
};
// In one transaction, if the last change of that document was `if_revision` (0: there is none);
// nothing: in any case.
std::expected<PutOutcome, std::string> put_document(const config::EtcdProvider& etcd,
                                                    const std::string& name,
                                                    const std::string& text,
                                                    std::optional<std::int64_t> if_revision);

// The documents of etcd as a gateway would find them, with `text` as the next version of `name`.
Inputs inputs_with(const std::vector<StoredDocument>& stored, const std::string& name,
                   const std::string& text);

// The revision that the first line of a pulled document names ("# weir: revision 7"), and what is
// behind that line. Nothing where there is no such line. Pure.
struct PulledText {
  std::int64_t revision = 0;
  std::string_view text;
};
std::optional<PulledText> parse_pulled(std::string_view text);
std::string pulled_text(std::int64_t revision, std::string_view text);

}  // namespace weir::provider
