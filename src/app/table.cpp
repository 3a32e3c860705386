#include "app/table.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace weir::app {
namespace {

constexpr std::size_t gap = 2;

// A line that knows what it still owes: spaces are written only before a text.
class Line {
 public:
  explicit Line(Paint paint) : paint_(paint) {}

  void put(const Cell& cell, std::size_t width, bool right) {
    const std::string text = printable(cell.text);
    const std::size_t spare = width - std::min(width, width_of(text));
    if (right) owed_ += spare;
    if (!text.empty()) {
      out_.append(std::exchange(owed_, 0), ' ');
      out_ += paint_(cell.style, text);
    }
    owed_ += (right ? 0 : spare) + gap;
  }
  std::string end() && { return std::move(out_) + '\n'; }

 private:
  Paint paint_;
  std::string out_;
  std::size_t owed_ = 0;
};

}  // namespace

std::string Table::text(Paint paint) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(printable(row[i].text)));
    }
  }
  const auto shown = [&](std::size_t i) { return rows_.empty() || widths[i] != 0; };
  Line head(paint);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (!shown(i)) continue;
    const std::string heading(columns_[i].heading);
    widths[i] = std::max(widths[i], width_of(heading));
    head.put(Cell(heading, Style::bold), widths[i], columns_[i].right);
  }
  std::string out = std::move(head).end();
  for (const auto& row : rows_) {
    Line line(paint);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (shown(i)) line.put(row[i], widths[i], columns_[i].right);
    }
    out += std::move(line).end();
  }
  return out;
}

}  // namespace weir::app
