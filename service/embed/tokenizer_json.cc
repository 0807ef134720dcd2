#include "service/embed/tokenizer_json.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"
#include "service/embed/json_object.h"

namespace newsprint::embed {
namespace {

using nlohmann::json;

constexpr int kSequenceDepthMax = 4;

absl::Status Error(absl::string_view place, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", problem));
}

// The member of `object` under `key`, null when it is absent.
const json& Member(const json& object, const char* key) {
  static const json& none = *new json;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

absl::StatusOr<std::string> String(const json& object, absl::string_view place, const char* key,
                                   std::optional<absl::string_view> fallback = std::nullopt) {
  const json& member = Member(object, key);
  if (member.is_string()) return member.get<std::string>();
  if (member.is_null() && fallback.has_value()) return std::string(*fallback);
  return Error(absl::StrCat(place, ".", key),
               absl::StrCat("not a string, got ", member.type_name()));
}

absl::StatusOr<bool> Bool(const json& object, absl::string_view place, const char* key,
                          bool fallback) {
  const json& member = Member(object, key);
  if (member.is_null()) return fallback;
  if (member.is_boolean()) return member.get<bool>();
  return Error(absl::StrCat(place, ".", key),
               absl::StrCat("not true or false, got ", member.type_name()));
}

// A whole number from `min` to `max`.
absl::StatusOr<uint64_t> Number(const json& member, absl::string_view place, uint64_t min,
                                uint64_t max) {
  if (!member.is_number_unsigned()) {
    return Error(place, absl::StrCat("not a whole number from 0 on, got ",
                                     member.is_number() ? member.dump() : member.type_name()));
  }
  const uint64_t value = member.get<uint64_t>();
  if (value < min || value > max) {
    return Error(place,
                 absl::StrCat("out of range, got ", value, ", limit ", value < min ? min : max));
  }
  return value;
}

absl::Status NotSupported(absl::string_view place, absl::string_view type,
                          absl::string_view supported) {
  return Error(absl::StrCat(place, ".type"),
               absl::StrCat("not supported, got ", Printable(type), ", limit ", supported));
}

// Reads `object`, a step or a Sequence of them under `list_key`: `add` appends what a step of a
// type does.
template <typename Add>
absl::Status ReadSteps(const json& object, absl::string_view place, const char* list_key, int depth,
                       const Add& add) {
  if (!object.is_object()) {
    return Error(place, absl::StrCat("not a JSON object, got ", object.type_name()));
  }
  ASSIGN_OR_RETURN(const std::string type, String(object, place, "type"));
  if (type != "Sequence") return add(object, place, type);
  if (depth == kSequenceDepthMax) {
    return Error(place, absl::StrCat("Sequence: nested too deep, limit ", kSequenceDepthMax));
  }
  const json& list = Member(object, list_key);
  const std::string list_place = absl::StrCat(place, ".", list_key);
  if (!list.is_array()) return Error(list_place, "not a list");
  for (const json& step : list) {
    RETURN_IF_ERROR(ReadSteps(step, list_place, list_key, depth + 1, add));
  }
  return absl::OkStatus();
}

template <typename Step>
absl::Status CheckStepCount(absl::string_view place, const std::vector<Step>& steps) {
  if (steps.size() <= kTextStepsMax) return absl::OkStatus();
  return Error(place,
               absl::StrCat("too many steps, got ", steps.size(), ", limit ", kTextStepsMax));
}

absl::Status AddBertNormalizer(const json& object, absl::string_view place,
                               std::vector<NormalizerStep>* steps) {
  ASSIGN_OR_RETURN(const bool clean_text, Bool(object, place, "clean_text", true));
  ASSIGN_OR_RETURN(const bool chinese, Bool(object, place, "handle_chinese_chars", true));
  ASSIGN_OR_RETURN(const bool lowercase, Bool(object, place, "lowercase", true));
  ASSIGN_OR_RETURN(const bool strip_accents, Bool(object, place, "strip_accents", lowercase));
  if (clean_text) steps->push_back(NormalizerStep::kCleanText);
  if (chinese) steps->push_back(NormalizerStep::kSpaceChinese);
  if (strip_accents) {
    steps->insert(steps->end(), {NormalizerStep::kNfd, NormalizerStep::kStripNonspacing});
  }
  if (lowercase) steps->push_back(NormalizerStep::kLowercase);
  return absl::OkStatus();
}

absl::Status ReadNormalizer(const json& normalizer, std::vector<NormalizerStep>* steps) {
  if (normalizer.is_null()) return absl::OkStatus();
  static constexpr std::pair<absl::string_view, NormalizerStep> kSimple[] = {
      {"Lowercase", NormalizerStep::kLowercase},
      {"NFC", NormalizerStep::kNfc},
      {"NFD", NormalizerStep::kNfd},
      {"NFKC", NormalizerStep::kNfkc},
      {"NFKD", NormalizerStep::kNfkd},
      {"StripAccents", NormalizerStep::kStripMarks}};
  const auto add = [steps](const json& object, absl::string_view place,
                           absl::string_view type) -> absl::Status {
    if (type == "BertNormalizer") return AddBertNormalizer(object, place, steps);
    // White space at the ends goes when the text is split.
    if (type == "Strip") return absl::OkStatus();
    for (const auto& [name, step] : kSimple) {
      if (name != type) continue;
      steps->push_back(step);
      return absl::OkStatus();
    }
    return NotSupported(place, type,
                        "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Sequence, Strip, "
                        "StripAccents");
  };
  RETURN_IF_ERROR(ReadSteps(normalizer, "normalizer", "normalizers", 0, add));
  return CheckStepCount("normalizer", *steps);
}

absl::Status ReadPreTokenizer(const json& pre_tokenizer, std::vector<SplitStep>* steps) {
  bool drops_whitespace = false;
  const auto add = [&](const json& object, absl::string_view place,
                       absl::string_view type) -> absl::Status {
    if (type == "BertPreTokenizer") {
      steps->insert(steps->end(), {SplitStep::kAtWhitespace, SplitStep::kAtPunctuation});
    } else if (type == "Whitespace") {
      steps->push_back(SplitStep::kIntoWords);
    } else if (type == "WhitespaceSplit") {
      steps->push_back(SplitStep::kAtWhitespace);
    } else if (type == "Punctuation") {
      ASSIGN_OR_RETURN(const std::string behavior, String(object, place, "behavior", "Isolated"));
      if (behavior != "Isolated") {
        return Error(absl::StrCat(place, ".behavior"),
                     absl::StrCat("not supported, got ", Printable(behavior), ", limit Isolated"));
      }
      steps->push_back(SplitStep::kAtPunctuation);
      return absl::OkStatus();
    } else {
      return NotSupported(place, type,
                          "BertPreTokenizer, Punctuation, Sequence, Whitespace, WhitespaceSplit");
    }
    drops_whitespace = true;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadSteps(pre_tokenizer, "pre_tokenizer", "pretokenizers", 0, add));
  RETURN_IF_ERROR(CheckStepCount("pre_tokenizer", *steps));
  if (!drops_whitespace) return Error("pre_tokenizer", "not supported, it keeps white space");
  return absl::OkStatus();
}

absl::Status ReadModel(const json& model, TokenizerSpec* spec) {
  if (!model.is_object()) {
    return Error("model", absl::StrCat("not a JSON object, got ", model.type_name()));
  }
  ASSIGN_OR_RETURN(const std::string type, String(model, "model", "type"));
  if (type != "WordPiece") return NotSupported("model", type, "WordPiece");
  ASSIGN_OR_RETURN(spec->unk_token, String(model, "model", "unk_token", "[UNK]"));
  ASSIGN_OR_RETURN(spec->continuing_subword_prefix,
                   String(model, "model", "continuing_subword_prefix", "##"));
  spec->word_characters_max = 100;
  if (const json& max = Member(model, "max_input_chars_per_word"); !max.is_null()) {
    ASSIGN_OR_RETURN(spec->word_characters_max,
                     Number(max, "model.max_input_chars_per_word", 1, kWordCharactersLimit));
  }
  const json& vocabulary = Member(model, "vocab");
  if (!vocabulary.is_object() || vocabulary.empty()) {
    return Error("model.vocab", "not a JSON object with tokens");
  }
  spec->vocabulary.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    ASSIGN_OR_RETURN(const uint64_t number,
                     Number(id, absl::StrCat("model.vocab.", Printable(token)), 0, kTokenIdMax));
    spec->vocabulary.emplace(token, static_cast<uint32_t>(number));
  }
  if (!spec->vocabulary.contains(spec->unk_token)) {
    return Error("model.unk_token",
                 absl::StrCat("not in the vocabulary, got ", Printable(spec->unk_token)));
  }
  return absl::OkStatus();
}

absl::Status ReadAddedToken(const json& object, absl::string_view place, TokenizerSpec* spec) {
  if (!object.is_object()) {
    return Error(place, absl::StrCat("not a JSON object, got ", object.type_name()));
  }
  AddedToken token;
  ASSIGN_OR_RETURN(token.content, String(object, place, "content"));
  ASSIGN_OR_RETURN(const uint64_t id,
                   Number(Member(object, "id"), absl::StrCat(place, ".id"), 0, kTokenIdMax));
  token.id = static_cast<uint32_t>(id);
  ASSIGN_OR_RETURN(const bool special, Bool(object, place, "special", false));
  ASSIGN_OR_RETURN(token.single_word, Bool(object, place, "single_word", false));
  ASSIGN_OR_RETURN(token.normalized, Bool(object, place, "normalized", !special));
  if (token.content.empty()) return Error(absl::StrCat(place, ".content"), "empty");
  for (const AddedToken& other : spec->added_tokens) {
    if (other.content == token.content) return Error(absl::StrCat(place, ".content"), "twice");
  }
  const auto known = spec->vocabulary.find(token.content);
  if (known != spec->vocabulary.end() && known->second != token.id) {
    return Error(absl::StrCat(place, ".id"), absl::StrCat("not that of the vocabulary, got ",
                                                          token.id, ", expected ", known->second));
  }
  spec->added_tokens.push_back(std::move(token));
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const json& list, TokenizerSpec* spec) {
  if (list.is_null()) return absl::OkStatus();
  if (!list.is_array()) return Error("added_tokens", "not a list");
  if (list.size() > kAddedTokensMax) {
    return Error("added_tokens",
                 absl::StrCat("too many, got ", list.size(), ", limit ", kAddedTokensMax));
  }
  for (size_t i = 0; i < list.size(); ++i) {
    RETURN_IF_ERROR(ReadAddedToken(list[i], absl::StrCat("added_tokens[", i, "]"), spec));
  }
  return absl::OkStatus();
}

absl::Status ReadTruncation(const json& truncation, TokenizerSpec* spec) {
  spec->tokens_max = std::numeric_limits<size_t>::max();
  if (truncation.is_null()) return absl::OkStatus();
  if (!truncation.is_object()) return Error("truncation", "not a JSON object");
  ASSIGN_OR_RETURN(const std::string direction,
                   String(truncation, "truncation", "direction", "Right"));
  if (direction != "Right") {
    return Error("truncation.direction",
                 absl::StrCat("not supported, got ", Printable(direction), ", limit Right"));
  }
  ASSIGN_OR_RETURN(spec->tokens_max,
                   Number(Member(truncation, "max_length"), "truncation.max_length", 1,
                          std::numeric_limits<size_t>::max()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerSpec> ParseTokenizerJson(absl::string_view bytes) {
  if (bytes.size() > kTokenizerBytesMax) {
    return Error("size", absl::StrCat("got ", bytes.size(), " bytes, limit ", kTokenizerBytesMax));
  }
  ASSIGN_OR_RETURN(const json root, ParseJsonObject(bytes, "text"));
  TokenizerSpec spec;
  RETURN_IF_ERROR(ReadModel(Member(root, "model"), &spec));
  RETURN_IF_ERROR(ReadNormalizer(Member(root, "normalizer"), &spec.normalizer_steps));
  RETURN_IF_ERROR(ReadPreTokenizer(Member(root, "pre_tokenizer"), &spec.split_steps));
  RETURN_IF_ERROR(ReadAddedTokens(Member(root, "added_tokens"), &spec));
  RETURN_IF_ERROR(ReadTruncation(Member(root, "truncation"), &spec));
  return spec;
}

}  // namespace newsprint::embed
