#include <filesystem>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {

Value file_value(File& target) {
  return {.read =
              [&target](const Reader& in) {
                if (in.is_null()) return;
                auto written = in.text();
                if (!written || !in.may_name_files()) return;
                if (Wrong wrong = check_printable(*written)) return in.error(std::move(*wrong));
                target.path = (std::filesystem::path(in.context().folder) / *written).string();
                target.name = std::move(*written);
                target.place = in.place();
                target.at = in.path();
              },
          .print = [&target] { return target ? Tree(target.name) : Tree(); },
          .schema = nullable_text_schema};
}

namespace {

Fields fields(ClientAuth& auth) {
  return {{"mode",
           choice<ClientAuthMode>(auth.mode, {{"off", ClientAuthMode::off},
                                              {"optional", ClientAuthMode::optional},
                                              {"required", ClientAuthMode::required}}),
           "off, optional (none is fine, a bad one fails the handshake) or required"},
          {"ca", file_value(auth.ca), "who may have signed a client's certificate, in PEM"}};
}

void read_auth(const Reader& in, ClientAuth& auth) {
  read_fields(in, fields(auth));
  if (auth.mode == ClientAuthMode::off && auth.ca) {
    in.warning(WarningName::no_effect,
               "`ca` does nothing while `mode` is off; write `mode: required`");
  }
  if (auth.mode != ClientAuthMode::off && !auth.ca) {
    in.error("'ca' is required: who may have signed a client's certificate");
  }
}

// Unless `mode` is off there is a `ca`.
Tree with_ca(Tree schema) {
  Tree off = Tree::list();
  off.push("off");
  off.push(false);
  Tree properties = Tree::map();
  properties.set("mode", Tree::map({{"enum", std::move(off)}}));
  return with_rules(std::move(schema),
                    {any_of({required_schema({"ca"}), not_schema(required_schema({"mode"})),
                             Tree::map({{"properties", properties}})})});
}

Value client_auth(ClientAuth& auth) {
  Value out = block(fields(auth));
  out.read = [&auth](const Reader& in) { read_auth(in, auth); };
  out.schema = [schema = std::move(out.schema)] { return with_ca(schema()); };
  return out;
}

Value client_auth(std::optional<ClientAuth>& auth) {
  Value out = optional_block(auth, [](ClientAuth& one) { return fields(one); });
  out.read = [&auth](const Reader& in) { read_auth(in, auth.emplace()); };
  out.schema = [schema = std::move(out.schema)] { return with_ca(schema()); };
  return out;
}

Fields fields(CertificateFiles& files) {
  return {
      {"cert", file_value(files.cert), "the certificate, then its intermediate certificates, PEM",
       Need::required},
      {"key", file_value(files.key), "its private key, PEM, without a passphrase", Need::required},
      {"ocsp", file_value(files.ocsp), "an OCSP response in DER to be stapled"},
      {"client_auth", client_auth(files.client_auth),
       "instead of the listener's for these names; a request's Host must then agree with the "
       "name of the handshake, or 421"}};
}

Fields fields(Hsts& hsts) {
  return {{"max_age", duration(hsts.max_age, Zero::allowed),
           "how long a browser remembers, in whole seconds; 0: it forgets"},
          {"subdomains", flag(hsts.subdomains), "for all names below this one, too"},
          {"preload", flag(hsts.preload), "may be put into browsers' own lists"}};
}

Value hsts_value(std::optional<Hsts>& hsts) {
  Value out = switchable_block(hsts, [](Hsts& one) { return fields(one); });
  out.read = [&hsts, read = std::move(out.read)](const Reader& in) {
    read(in);
    if (hsts && hsts->preload && (!hsts->subdomains || hsts->max_age < std::chrono::hours(8760))) {
      in.warning(WarningName::hsts_preload,
                 "browsers' preload lists ask for `subdomains: on` and a `max_age` of 365d");
    }
  };
  out.print = [&hsts, print = std::move(out.print)] { return hsts ? print() : Tree(); };
  return out;
}

Fields fields(ListenerTls& tls) {
  return {
      {"certificates",
       blocks(
           tls.certificates, [](CertificateFiles& one) { return fields(one); },
           [](const CertificateFiles&, const Reader&) {}),
       "chosen by SNI from the names in each; without SNI, or for an unknown name, the first",
       Need::required},
      {"min_version",
       choice<TlsVersion>(tls.min_version,
                          {{"1.2", TlsVersion::tls12}, {"1.3", TlsVersion::tls13}}),
       "the oldest version of TLS that is accepted"},
      {"client_auth", client_auth(tls.client_auth), "certificates of clients"},
      {"hsts", hsts_value(tls.hsts),
       "Strict-Transport-Security on every answer of this listener: null, {} or its parts"},
      {"tickets",
       block({{"rotate", duration(tls.ticket_rotation),
               "how long one key makes session tickets; the key before it still opens them"}}),
       "resumption of sessions"},
  };
}

Fields fields(UpstreamTls& tls) {
  return {
      {"server_name",
       printed_if([&tls] { return !tls.server_name.empty(); },
                  text(tls.server_name,
                       [](std::string& written) -> Wrong {
                         written = to_lower(written);
                         if (is_host_name(written) || IpAddress::parse(written)) {
                           return std::nullopt;
                         }
                         return in_quotes(written) + " is neither a host name nor an address" +
                                ascii_form_hint(written);
                       })),
       "sent as SNI, and verified in the certificate; default: the endpoint's name or address"},
      {"ca", file_value(tls.ca), "who may have signed the certificate, PEM; default: the system's"},
      {"cert", file_value(tls.cert), "the gateway's own certificate for it, PEM"},
      {"key", file_value(tls.key), "its private key, PEM, without a passphrase"},
      {"verify", flag(tls.verify), "off: any certificate is accepted"}};
}

}  // namespace

Value tls_value(std::optional<ListenerTls>& tls) {
  return optional_block(tls, [](ListenerTls& one) { return fields(one); });
}

Value tls_value(std::optional<UpstreamTls>& tls) {
  Value out = optional_block(tls, [](UpstreamTls& one) { return fields(one); });
  out.read = [&tls](const Reader& in) {
    read_fields(in, fields(tls.emplace()));
    if (tls->cert && !tls->key) in.error("'key' is required with 'cert'");
    if (tls->key && !tls->cert) in.error("'cert' is required with 'key'");
    if (!tls->verify && tls->ca)
      in.warning(WarningName::no_effect, "`ca` does nothing with `verify: off`; remove one");
  };
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {needs("cert", {"key"}), needs("key", {"cert"})});
  };
  return out;
}

}  // namespace weir::config
