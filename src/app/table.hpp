// A table for people: columns as wide as their widest cell, two spaces between them. One thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/terminal.hpp"

namespace weir::app {

struct Column {
  std::string_view heading;  // a literal
  bool right = false;        // numbers are aligned at their end
};

struct Cell {
  Cell(std::string text_, Style style_ = Style::plain) : text(std::move(text_)), style(style_) {}
  Cell(const char* text_) : text(text_) {}

  std::string text;  // made printable by the table
  Style style = Style::plain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const noexcept { return rows_.empty(); }
  // The headings and the rows, a line each, without spaces at their ends. A column without a text
  // in any row is left out.
  std::string text(Paint paint) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace weir::app
