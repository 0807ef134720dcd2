#include "service/text/html.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "service/text/utf8.h"

namespace newsprint::text {
namespace {

// A `<` with no `>` within this many bytes begins no tag.
constexpr size_t kTagBytesMax = 4096;
constexpr char32_t kReplacementCharacter = 0xFFFD;
constexpr char32_t kCodePointMax = 0x10FFFF;

struct Entity {
  absl::string_view name;
  char32_t character;
};

// Sorted by name (byte order), for binary search.
constexpr Entity kEntities[] = {
    {"AElig", 0xC6},    {"Aacute", 0xC1},   {"Acirc", 0xC2},    {"Agrave", 0xC0},
    {"Aring", 0xC5},    {"Atilde", 0xC3},   {"Auml", 0xC4},     {"Ccaron", 0x10C},
    {"Ccedil", 0xC7},   {"Dagger", 0x2021}, {"ETH", 0xD0},      {"Eacute", 0xC9},
    {"Ecirc", 0xCA},    {"Egrave", 0xC8},   {"Euml", 0xCB},     {"Iacute", 0xCD},
    {"Icirc", 0xCE},    {"Igrave", 0xCC},   {"Iuml", 0xCF},     {"NewLine", 0x0A},
    {"Ntilde", 0xD1},   {"OElig", 0x152},   {"Oacute", 0xD3},   {"Ocirc", 0xD4},
    {"Ograve", 0xD2},   {"Oslash", 0xD8},   {"Otilde", 0xD5},   {"Ouml", 0xD6},
    {"Prime", 0x2033},  {"Scaron", 0x160},  {"THORN", 0xDE},    {"Tab", 0x09},
    {"Uacute", 0xDA},   {"Ucirc", 0xDB},    {"Ugrave", 0xD9},   {"Uuml", 0xDC},
    {"Yacute", 0xDD},   {"Yuml", 0x178},    {"Zcaron", 0x17D},  {"aacute", 0xE1},
    {"acirc", 0xE2},    {"acute", 0xB4},    {"aelig", 0xE6},    {"agrave", 0xE0},
    {"amp", '&'},       {"apos", '\''},     {"aring", 0xE5},    {"ast", '*'},
    {"atilde", 0xE3},   {"auml", 0xE4},     {"bdquo", 0x201E},  {"brvbar", 0xA6},
    {"bull", 0x2022},   {"ccaron", 0x10D},  {"ccedil", 0xE7},   {"cedil", 0xB8},
    {"cent", 0xA2},     {"circ", 0x2C6},    {"colon", ':'},     {"comma", ','},
    {"commat", '@'},    {"copy", 0xA9},     {"curren", 0xA4},   {"dagger", 0x2020},
    {"dash", 0x2010},   {"deg", 0xB0},      {"divide", 0xF7},   {"dollar", '$'},
    {"eacute", 0xE9},   {"ecirc", 0xEA},    {"egrave", 0xE8},   {"emsp", 0x2003},
    {"ensp", 0x2002},   {"equals", '='},    {"eth", 0xF0},      {"euml", 0xEB},
    {"euro", 0x20AC},   {"excl", '!'},      {"fnof", 0x192},    {"frac12", 0xBD},
    {"frac14", 0xBC},   {"frac34", 0xBE},   {"frasl", 0x2044},  {"gt", '>'},
    {"hearts", 0x2665}, {"hellip", 0x2026}, {"horbar", 0x2015}, {"hyphen", 0x2010},
    {"iacute", 0xED},   {"icirc", 0xEE},    {"iexcl", 0xA1},    {"igrave", 0xEC},
    {"iquest", 0xBF},   {"iuml", 0xEF},     {"laquo", 0xAB},    {"larr", 0x2190},
    {"ldquo", 0x201C},  {"ldquor", 0x201E}, {"lpar", '('},      {"lrm", 0x200E},
    {"lsaquo", 0x2039}, {"lsqb", '['},      {"lsquo", 0x2018},  {"lsquor", 0x201A},
    {"lt", '<'},        {"macr", 0xAF},     {"mdash", 0x2014},  {"micro", 0xB5},
    {"middot", 0xB7},   {"minus", 0x2212},  {"nbsp", 0xA0},     {"ndash", 0x2013},
    {"not", 0xAC},      {"ntilde", 0xF1},   {"num", '#'},       {"oacute", 0xF3},
    {"ocirc", 0xF4},    {"oelig", 0x153},   {"ograve", 0xF2},   {"ordf", 0xAA},
    {"ordm", 0xBA},     {"oslash", 0xF8},   {"otilde", 0xF5},   {"ouml", 0xF6},
    {"para", 0xB6},     {"percnt", '%'},    {"period", '.'},    {"permil", 0x2030},
    {"plus", '+'},      {"plusmn", 0xB1},   {"pound", 0xA3},    {"prime", 0x2032},
    {"quest", '?'},     {"quot", '"'},      {"raquo", 0xBB},    {"rarr", 0x2192},
    {"rdquo", 0x201D},  {"rdquor", 0x201D}, {"reg", 0xAE},      {"rlm", 0x200F},
    {"rpar", ')'},      {"rsaquo", 0x203A}, {"rsqb", ']'},      {"rsquo", 0x2019},
    {"rsquor", 0x2019}, {"sbquo", 0x201A},  {"scaron", 0x161},  {"sect", 0xA7},
    {"semi", ';'},      {"shy", 0xAD},      {"sol", '/'},       {"sup1", 0xB9},
    {"sup2", 0xB2},     {"sup3", 0xB3},     {"szlig", 0xDF},    {"thinsp", 0x2009},
    {"thorn", 0xFE},    {"tilde", 0x2DC},   {"times", 0xD7},    {"trade", 0x2122},
    {"uacute", 0xFA},   {"ucirc", 0xFB},    {"ugrave", 0xF9},   {"uml", 0xA8},
    {"uuml", 0xFC},     {"yacute", 0xFD},   {"yen", 0xA5},      {"yuml", 0xFF},
    {"zcaron", 0x17E},  {"zwj", 0x200D},    {"zwnj", 0x200C},
};
constexpr size_t kEntityNameBytesMax = 8;

// Entities that count without their semicolon too, for text has them so ("AT&ampT", "one&nbsptwo").
constexpr absl::string_view kBareEntities[] = {"amp", "gt", "lt", "nbsp", "quot"};

enum class ElementKind {
  kUnknown,
  kInline,  // its tags may stand inside a word
  kBlock,   // its tags separate words
  kHidden,  // its content is not text
};

struct Element {
  absl::string_view name;
  ElementKind kind;
};

// The elements of HTML, sorted by name. <br>, <img> and the like count as blocks: they separate.
constexpr Element kElements[] = {
    {"a", ElementKind::kInline},         {"abbr", ElementKind::kInline},
    {"acronym", ElementKind::kInline},   {"address", ElementKind::kBlock},
    {"area", ElementKind::kBlock},       {"article", ElementKind::kBlock},
    {"aside", ElementKind::kBlock},      {"audio", ElementKind::kBlock},
    {"b", ElementKind::kInline},         {"base", ElementKind::kBlock},
    {"bdi", ElementKind::kInline},       {"bdo", ElementKind::kInline},
    {"big", ElementKind::kInline},       {"blockquote", ElementKind::kBlock},
    {"body", ElementKind::kBlock},       {"br", ElementKind::kBlock},
    {"button", ElementKind::kBlock},     {"canvas", ElementKind::kBlock},
    {"caption", ElementKind::kBlock},    {"center", ElementKind::kBlock},
    {"cite", ElementKind::kInline},      {"code", ElementKind::kInline},
    {"col", ElementKind::kBlock},        {"colgroup", ElementKind::kBlock},
    {"data", ElementKind::kInline},      {"datalist", ElementKind::kBlock},
    {"dd", ElementKind::kBlock},         {"del", ElementKind::kInline},
    {"details", ElementKind::kBlock},    {"dfn", ElementKind::kInline},
    {"dialog", ElementKind::kBlock},     {"dir", ElementKind::kBlock},
    {"div", ElementKind::kBlock},        {"dl", ElementKind::kBlock},
    {"dt", ElementKind::kBlock},         {"em", ElementKind::kInline},
    {"embed", ElementKind::kBlock},      {"fieldset", ElementKind::kBlock},
    {"figcaption", ElementKind::kBlock}, {"figure", ElementKind::kBlock},
    {"font", ElementKind::kInline},      {"footer", ElementKind::kBlock},
    {"form", ElementKind::kBlock},       {"frame", ElementKind::kBlock},
    {"frameset", ElementKind::kBlock},   {"h1", ElementKind::kBlock},
    {"h2", ElementKind::kBlock},         {"h3", ElementKind::kBlock},
    {"h4", ElementKind::kBlock},         {"h5", ElementKind::kBlock},
    {"h6", ElementKind::kBlock},         {"head", ElementKind::kBlock},
    {"header", ElementKind::kBlock},     {"hgroup", ElementKind::kBlock},
    {"hr", ElementKind::kBlock},         {"html", ElementKind::kBlock},
    {"i", ElementKind::kInline},         {"iframe", ElementKind::kBlock},
    {"img", ElementKind::kBlock},        {"input", ElementKind::kBlock},
    {"ins", ElementKind::kInline},       {"kbd", ElementKind::kInline},
    {"label", ElementKind::kBlock},      {"legend", ElementKind::kBlock},
    {"li", ElementKind::kBlock},         {"link", ElementKind::kBlock},
    {"main", ElementKind::kBlock},       {"map", ElementKind::kBlock},
    {"mark", ElementKind::kInline},      {"menu", ElementKind::kBlock},
    {"meta", ElementKind::kBlock},       {"nav", ElementKind::kBlock},
    {"nobr", ElementKind::kInline},      {"noscript", ElementKind::kBlock},
    {"object", ElementKind::kBlock},     {"ol", ElementKind::kBlock},
    {"option", ElementKind::kBlock},     {"p", ElementKind::kBlock},
    {"param", ElementKind::kBlock},      {"path", ElementKind::kBlock},
    {"picture", ElementKind::kBlock},    {"pre", ElementKind::kBlock},
    {"q", ElementKind::kInline},         {"s", ElementKind::kInline},
    {"samp", ElementKind::kInline},      {"script", ElementKind::kHidden},
    {"section", ElementKind::kBlock},    {"select", ElementKind::kBlock},
    {"small", ElementKind::kInline},     {"source", ElementKind::kBlock},
    {"span", ElementKind::kInline},      {"strike", ElementKind::kInline},
    {"strong", ElementKind::kInline},    {"style", ElementKind::kHidden},
    {"sub", ElementKind::kInline},       {"summary", ElementKind::kBlock},
    {"sup", ElementKind::kInline},       {"svg", ElementKind::kBlock},
    {"table", ElementKind::kBlock},      {"tbody", ElementKind::kBlock},
    {"td", ElementKind::kBlock},         {"template", ElementKind::kBlock},
    {"textarea", ElementKind::kBlock},   {"tfoot", ElementKind::kBlock},
    {"th", ElementKind::kBlock},         {"thead", ElementKind::kBlock},
    {"time", ElementKind::kInline},      {"title", ElementKind::kBlock},
    {"tr", ElementKind::kBlock},         {"track", ElementKind::kBlock},
    {"tt", ElementKind::kInline},        {"u", ElementKind::kInline},
    {"ul", ElementKind::kBlock},         {"var", ElementKind::kInline},
    {"video", ElementKind::kBlock},      {"wbr", ElementKind::kInline},
};
constexpr size_t kElementNameBytesMax = 10;

// The row of a table sorted by name; nullptr when `name` is not in it.
template <typename Row, size_t kRows>
const Row* FindByName(const Row (&table)[kRows], absl::string_view name) {
  const Row* row = std::lower_bound(std::begin(table), std::end(table), name,
                                    [](const Row& a, absl::string_view b) { return a.name < b; });
  return row != std::end(table) && row->name == name ? row : nullptr;
}

ElementKind KindOf(absl::string_view name) {
  std::array<char, kElementNameBytesMax> lower;
  if (name.size() > lower.size()) return ElementKind::kUnknown;
  std::transform(name.begin(), name.end(), lower.begin(), absl::ascii_tolower);
  const Element* element = FindByName(kElements, {lower.data(), name.size()});
  return element == nullptr ? ElementKind::kUnknown : element->kind;
}

bool IsNameByte(char c) { return absl::ascii_isalnum(c) || c == ':' || c == '-' || c == '_'; }

// One pass over the text. Each method that meets markup moves `position_` behind it; what is not
// markup is copied.
class HtmlReader {
 public:
  explicit HtmlReader(absl::string_view html) : html_(html) { text_.reserve(html.size()); }

  std::string Read() && {
    while (position_ < html_.size()) {
      const size_t markup = std::min(html_.find_first_of("<&", position_), html_.size());
      text_.append(html_.data() + position_, markup - position_);
      position_ = markup;
      if (position_ == html_.size()) break;
      const bool read = html_[position_] == '&' ? ReadEntity() : ReadMarkup();
      if (!read) text_.push_back(html_[position_++]);
    }
    return std::move(text_);
  }

 private:
  // The end of a tag: behind its `>`. `end` is npos when it has none.
  struct TagEnd {
    size_t end = absl::string_view::npos;
    bool has_attributes = false;
  };

  absl::string_view Rest() const { return html_.substr(position_); }

  bool ReadMarkup() {
    const absl::string_view rest = Rest();
    if (absl::StartsWith(rest, "<!--")) {
      // From the second dash on, for "<!-->" is a whole comment.
      const size_t close = html_.find("-->", position_ + 2);
      position_ = close == absl::string_view::npos ? html_.size() : close + 3;
      return true;
    }
    if (absl::StartsWith(rest, "<![CDATA[")) {
      // Feeds wrap their HTML in it. The "]]>" at its end separates words like other punctuation.
      position_ += 9;
      return true;
    }
    if (absl::StartsWith(rest, "<!") || absl::StartsWith(rest, "<?")) {
      const TagEnd tag = FindTagEnd(position_ + 2, /*quotes=*/false);
      if (tag.end == absl::string_view::npos) return false;
      position_ = tag.end;
      return true;
    }
    return ReadTag();
  }

  bool ReadTag() {
    const bool closing = absl::StartsWith(Rest(), "</");
    const size_t name_start = position_ + (closing ? 2 : 1);
    if (name_start >= html_.size() || !absl::ascii_isalpha(html_[name_start])) return false;
    size_t name_end = name_start;
    while (name_end < html_.size() && IsNameByte(html_[name_end])) ++name_end;
    if (name_end == html_.size()) return false;
    const char behind = html_[name_end];
    if (behind != '>' && behind != '/' && !absl::ascii_isspace(behind)) return false;

    const absl::string_view name = html_.substr(name_start, name_end - name_start);
    const TagEnd tag = FindTagEnd(name_end, /*quotes=*/true);
    if (tag.end == absl::string_view::npos) return false;
    const ElementKind kind = KindOf(name);
    const bool custom_name = name.find_first_of(":-") != absl::string_view::npos;
    if (kind == ElementKind::kUnknown && !closing && !custom_name && !tag.has_attributes) {
      return false;
    }
    if (kind != ElementKind::kInline) text_.push_back('\n');
    position_ = tag.end;
    if (kind == ElementKind::kHidden && !closing) SkipHiddenContent(name);
    return true;
  }

  // Moves to the closing tag of the script or style element `name`, or to the end without one.
  void SkipHiddenContent(absl::string_view name) {
    while ((position_ = html_.find("</", position_)) != absl::string_view::npos) {
      if (absl::StartsWithIgnoreCase(html_.substr(position_ + 2), name)) return;
      position_ += 2;
    }
    position_ = html_.size();
  }

  // Looks for the `>` of the tag at `position_` from `from` on. With `quotes`, a `>` or `<` inside
  // a quoted attribute value does not count, unless the tag has no end then (a stray quote). A `<`
  // before the `>` means that this is no tag; so no byte is looked at twice, except in quoted
  // values, where `quotes_mislead_until_` sees to it.
  TagEnd FindTagEnd(size_t from, bool quotes) {
    if (quotes && position_ >= quotes_mislead_until_) {
      const TagEnd tag = ScanTag(from, /*quotes=*/true);
      if (tag.end != absl::string_view::npos) return tag;
    }
    return ScanTag(from, /*quotes=*/false);
  }

  TagEnd ScanTag(size_t from, bool quotes) {
    const size_t limit = std::min(html_.size(), position_ + kTagBytesMax);
    TagEnd tag;
    char previous = ' ';  // the last byte but white space
    size_t i = from;
    for (; i < limit && html_[i] != '<'; ++i) {
      const char c = html_[i];
      if (c == '>') {
        tag.end = i + 1;
        return tag;
      }
      if (c == '=') tag.has_attributes = true;
      if (quotes && previous == '=' && (c == '"' || c == '\'')) {
        i = std::min(html_.substr(0, limit).find(c, i + 1), limit - 1);
      }
      if (!absl::ascii_isspace(c)) previous = c;
    }
    if (quotes) quotes_mislead_until_ = i;
    return tag;
  }

  bool ReadEntity() {
    size_t start = position_ + 1;
    // "&amp;#8217;" and "&amp;amp;quot;" were escaped once too often.
    bool ampersand = false;
    while (absl::StartsWith(html_.substr(start), "amp;")) {
      start += 4;
      ampersand = true;
    }
    const absl::string_view rest = html_.substr(start);
    size_t read = absl::StartsWith(rest, "#") ? ReadNumericEntity(rest) : ReadNamedEntity(rest);
    if (read == 0) {
      if (!ampersand) return false;
      text_.push_back('&');
    }
    position_ = start + read;
    return true;
  }

  // Both append the character of the entity whose `&` comes before `rest`, and return how many of
  // the bytes of `rest` it takes; 0 when it is no entity.
  size_t ReadNumericEntity(absl::string_view rest) {
    size_t i = 1;
    const bool hexadecimal = i < rest.size() && (rest[i] == 'x' || rest[i] == 'X');
    if (hexadecimal) ++i;
    const size_t digits_start = i;
    char32_t value = 0;
    for (; i < rest.size(); ++i) {
      const char c = absl::ascii_tolower(rest[i]);
      const bool digit = absl::ascii_isdigit(c);
      if (!digit && !(hexadecimal && c >= 'a' && c <= 'f')) break;
      const auto figure = static_cast<char32_t>(digit ? c - '0' : c - 'a' + 10);
      value = std::min(value * (hexadecimal ? 16 : 10) + figure, kCodePointMax + 1);
    }
    if (i == digits_start) return 0;
    if (i < rest.size() && rest[i] == ';') ++i;
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (value == 0 || surrogate || value > kCodePointMax) value = kReplacementCharacter;
    if (value <= 0xFF) value = FromWindows1252(static_cast<unsigned char>(value));
    AppendUtf8(value, &text_);
    return i;
  }

  size_t ReadNamedEntity(absl::string_view rest) {
    size_t end = 0;
    while (end < rest.size() && end <= kEntityNameBytesMax && absl::ascii_isalnum(rest[end])) ++end;
    if (end < rest.size() && rest[end] == ';') {
      if (const Entity* entity = FindByName(kEntities, rest.substr(0, end)); entity != nullptr) {
        AppendUtf8(entity->character, &text_);
        return end + 1;
      }
    }
    for (const absl::string_view name : kBareEntities) {
      if (absl::StartsWith(rest, name)) {
        AppendUtf8(FindByName(kEntities, name)->character, &text_);
        return name.size();
      }
    }
    return 0;
  }

  const absl::string_view html_;
  size_t position_ = 0;
  // No quote before this position bounds an attribute value: believing so, a tag had no end.
  size_t quotes_mislead_until_ = 0;
  std::string text_;
};

}  // namespace

std::string HtmlToText(absl::string_view utf8) { return HtmlReader(utf8).Read(); }

}  // namespace newsprint::text
