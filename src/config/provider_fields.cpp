#include "config/provider_fields.hpp"

#include <filesystem>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_prefix = 1024;

Wrong check_etcd_endpoint(std::string& written) {
  const std::size_t scheme = istarts_with(written, "https://")  ? 8
                             : istarts_with(written, "http://") ? 7
                                                                : 0;
  while (written.ends_with('/') && written.size() > scheme) written.pop_back();
  const std::string_view host = std::string_view(written).substr(scheme);
  // What is behind the host would go to the client library as it is.
  const bool is_plain = host.find_first_of("/?#@\\ \t\"'") == std::string_view::npos;
  if (scheme == 0 || host.empty() || !is_plain || check_printable(written)) {
    return in_quotes(written) + " is not https://HOST:PORT or http://HOST:PORT";
  }
  if (!split_host_port(host)) return in_quotes(written) + " has no port; etcd's is 2379";
  return std::nullopt;
}

Wrong check_key_prefix(std::string& written) {
  if (Wrong wrong = check_printable(written)) return wrong;
  if (!written.ends_with('/')) return in_quotes(written) + " must end with '/'";
  if (written.size() > most_prefix) return "longer than 1024 bytes";
  return std::nullopt;
}

Fields fields(EtcdTls& tls) {
  return {{"ca", file_value(tls.ca),
           "who may have signed etcd's certificate, PEM; default: the system's"},
          {"cert", file_value(tls.cert), "the gateway's own certificate for it, PEM"},
          {"key", file_value(tls.key), "its private key, PEM, without a passphrase"},
          {"verify", flag(tls.verify), "off: any certificate is accepted"}};
}

Value etcd_tls_value(std::optional<EtcdTls>& tls) {
  Value out = optional_block(tls, [](EtcdTls& one) { return fields(one); });
  out.read = [&tls](const Reader& in) {
    read_fields(in, fields(tls.emplace()));
    if (tls->cert && !tls->key) in.error("'key' is required with 'cert'");
    if (tls->key && !tls->cert) in.error("'cert' is required with 'key'");
    if (!tls->verify && tls->ca) {
      in.warning(WarningName::no_effect, "`ca` does nothing with `verify: off`; remove one");
    }
  };
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {needs("cert", {"key"}), needs("key", {"cert"})});
  };
  return out;
}

void read_password(const Reader& in, EtcdAccess& access) {
  if (in.is_null()) return;
  auto file = in.text();
  if (!file || !in.may_name_files()) return;
  if (!in.context().checks.opens_files) return void(access.password_file = std::move(*file));
  auto password = read_named_file(in.context(), *file);
  if (!password) return in.error("cannot read " + in_quotes(*file) + ": " + password.error());
  if (password->ends_with('\n')) password->pop_back();
  if (password->empty()) return in.error(in_quotes(*file) + " must hold a password");
  access.password_file = std::move(*file);
  access.password = std::move(*password);
}

Value password_file_value(EtcdAccess& access) {
  return {.read = [&access](const Reader& in) { read_password(in, access); },
          .print =
              [&access] {
                return access.password_file.empty() ? Tree(nullptr) : Tree(access.password_file);
              },
          .schema = nullable_text_schema};
}

// A text, or `null` for none.
Value username_value(std::string& target) {
  return {.read =
              [&target](const Reader& in) {
                if (in.is_null()) return;
                text(target, check_printable).read(in);
              },
          .print = [&target] { return target.empty() ? Tree(nullptr) : Tree(target); },
          .schema = nullable_text_schema};
}

Fields access_fields(EtcdAccess& access, Need need) {
  return {{"endpoints", texts(access.endpoints, check_etcd_endpoint),
           "https://HOST:PORT of its members, which are asked in turn", need},
          {"tls", etcd_tls_value(access.tls), "files for https; absent: the system's authorities"},
          {"username", username_value(access.username), "with password_file, if etcd asks for it"},
          {"password_file", password_file_value(access), "holds the password alone"}};
}

// What is wrong with the whole.
void check_access(const Reader& in, const EtcdAccess& access) {
  if (access.username.empty() != access.password_file.empty()) {
    in.error("`username` and `password_file` need each other");
  }
  bool is_https = access.endpoints.empty();
  for (const std::string& each : access.endpoints) {
    is_https = is_https || istarts_with(each, "https:");
  }
  if (access.tls && !is_https) {
    in.warning(WarningName::no_effect, "`tls` does nothing: no endpoint is https://");
  }
}

Fields etcd_fields(EtcdProvider& etcd) {
  Fields out = access_fields(etcd.access, Need::required);
  out.insert(out.begin() + 1, {"prefix", text(etcd.prefix, check_key_prefix),
                               "each key below it is a document; it ends with '/'"});
  return out;
}

Value etcd_value(std::optional<EtcdProvider>& etcd) {
  Value out = optional_block(etcd, etcd_fields);
  out.read = [&etcd](const Reader& in) {
    read_fields(in, etcd_fields(etcd.emplace()));
    check_access(in, etcd->access);
  };
  return out;
}

// What would be in a file.
Value pem_value(File& target, std::string_view key, bool is_secret) {
  return {.read =
              [&target, key](const Reader& in) {
                auto written = in.text();
                if (!written) return;
                // Of a configuration that runs elsewhere keys are not told.
                const bool may_be_hidden = !in.context().checks.opens_files;
                if (!may_be_hidden && written->find("-----BEGIN ") == std::string::npos) {
                  return in.error("is not PEM: there is no line `-----BEGIN ...`");
                }
                target.name = key;
                target.path.clear();
                target.content = std::move(*written);
                target.place = in.place();
                target.at = in.path();
              },
          .print =
              [&target, is_secret] {
                if (target.content.empty()) return Tree();
                return is_secret ? Tree(redacted) : Tree(target.content);
              },
          .schema = text_schema};
}

Value named_file(File& target) {
  Value out = file_value(target);
  out.print = [&target, print = std::move(out.print)] {
    return target.content.empty() ? print() : Tree();
  };
  return out;
}

Fields fields(CertificateDraft& draft) {
  CertificateFiles& files = draft.certificate.files;
  return {
      {"cert", named_file(files.cert), "the certificate, then its intermediate certificates, PEM"},
      {"key", named_file(files.key), "its private key, PEM, without a passphrase"},
      {"cert_pem", pem_value(files.cert, "cert_pem", false), "instead of `cert`: its content"},
      {"key_pem", pem_value(files.key, "key_pem", true), "instead of `key`: its content"},
      {"listeners", references(draft.certificate.listeners, draft.listeners),
       "names of listeners with tls; default: all of them"}};
}

void read_certificate(const Reader& in, CertificateDraft& draft) {
  draft.at = in.path();
  draft.certificate.place = in.place();
  const Places places = read_fields(in, fields(draft));
  if (!in.is_map() || places.has_unknown()) return;
  if (places.has("cert") && places.has("cert_pem"))
    in.error("write `cert` or `cert_pem`, not both");
  if (places.has("key") && places.has("key_pem")) in.error("write `key` or `key_pem`, not both");
  if (!places.has("cert") && !places.has("cert_pem")) in.error("'cert' or 'cert_pem' is required");
  if (!places.has("key") && !places.has("key_pem")) in.error("'key' or 'key_pem' is required");
}

}  // namespace

Fields fields(Providers& providers) {
  return {{"etcd", etcd_value(providers.etcd), "documents in the keys below a prefix of etcd"},
          unsupported("kubernetes"),
          unsupported("consul")};
}

Fields fields(EtcdEndpoints& endpoints) {
  Fields out = access_fields(endpoints.access, Need::optional);
  for (Field& each : out) {
    each.value = printed_if([&endpoints] { return endpoints.is_own; }, std::move(each.value));
  }
  Value list = std::move(out.front().value);
  list.read = [&endpoints, read = std::move(list.read)](const Reader& in) {
    read(in);
    endpoints.is_own = !endpoints.access.endpoints.empty();
  };
  out.front() = {"endpoints", std::move(list),
                 "https://HOST:PORT of its members; default: those of providers.etcd"};
  out.insert(out.begin(), {"prefix", text(endpoints.prefix, check_key_prefix),
                           "each key below it is an endpoint; it ends with '/'", Need::required});
  return out;
}

Value certificates_value(std::vector<CertificateDraft>& target) {
  return {.read =
              [&target](const Reader& in) {
                in.each_item([&target](const Reader& item) {
                  read_certificate(item, target.emplace_back());
                });
              },
          .print =
              [&target] {
                if (target.empty()) return Tree();
                Tree out = Tree::list();
                for (CertificateDraft& each : target) out.push(print_fields(fields(each)));
                return out;
              },
          .schema =
              [] {
                CertificateDraft sample;
                return Tree::map({{"type", "array"},
                                  {"items", with_rules(schema_fields(fields(sample)),
                                                       {exactly_one({"cert", "cert_pem"}),
                                                        exactly_one({"key", "key_pem"})})}});
              }};
}

}  // namespace weir::config
