#include "codec/h1/head_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "weir/base/copy_text.hpp"
#include "weir/base/reason.hpp"

namespace weir::codec::h1 {

void HeadWriter::append(std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + 4;
  if (size_ - used_ < size) grow(size);
  char* out = copy_text(data_ + used_, name);
  *out++ = ':';
  *out++ = ' ';
  out = copy_text(out, value);
  *out++ = '\r';
  *out = '\n';
  used_ += size;
}

void HeadWriter::fields(const HeaderMap& headers) {
  constexpr FieldSet framing = field_set(
      {FieldId::content_length, FieldId::transfer_encoding, FieldId::connection, FieldId::host});
  // Lines that stand one behind the other as they came go out as one piece.
  const char* run = nullptr;
  const char* run_end = nullptr;
  for (const HeaderMap::Field& one : headers) {
    if (holds(framing, one.id)) continue;
    if (one.is_line) {
      const char* const line_end = one.value.data() + one.value.size() + 2;
      if (one.name.data() != run_end) {
        if (run != run_end) append({run, run_end});
        run = one.name.data();
      }
      run_end = line_end;
      continue;
    }
    if (run != run_end) append({run, run_end});
    run = run_end = nullptr;
    field(one.name, one.value);
  }
  if (run != run_end) append({run, run_end});
}

void HeadWriter::grow(std::size_t more) {
  Buffer larger = pool_.borrow(std::max(size_ * 2, used_ + more));
  std::memcpy(larger.data(), data_, used_);
  buffer_ = std::move(larger);
  data_ = begin_of(buffer_);
  size_ = buffer_.size();
}

void write_request_line(HeadWriter& out, const RequestHead& head) {
  out.append(head.method_text);
  out.append(" ");
  out.append(head.path);
  if (head.has_query) {
    out.append("?");
    out.append(head.query);
  }
  out.append(" HTTP/1.1\r\n");
  out.field("Host", head.authority);
}

void write_status_line(HeadWriter& out, int status, std::string_view phrase) {
  if (status == 200 && (phrase.empty() || phrase == "OK")) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  out.append(static_cast<std::uint64_t>(status));
  out.append(" ");
  out.append(phrase.empty() ? status_phrase(status) : phrase);
  out.append("\r\n");
}

}  // namespace weir::codec::h1
