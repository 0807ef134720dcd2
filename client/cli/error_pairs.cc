#include "client/cli/error_pairs.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

namespace newsprint::cli {

std::vector<PositionPair> FalseMatchesByLabel(const std::vector<GroupedArticle>& articles) {
  std::unordered_map<std::string, size_t> first_of_group;
  std::vector<PositionPair> pairs;
  for (size_t i = 0; i < articles.size(); ++i) {
    if (!articles[i].label || articles[i].group.empty()) continue;
    const size_t first = first_of_group.emplace(articles[i].group, i).first->second;
    if (articles[first].label != articles[i].label) pairs.emplace_back(first, i);
  }
  return pairs;
}

std::vector<PositionPair> FalseMatchesByPairs(const std::vector<GroupedArticle>& articles,
                                              const std::set<PositionPair>& known) {
  std::unordered_map<std::string, std::vector<size_t>> groups;
  std::vector<PositionPair> pairs;
  for (size_t i = 0; i < articles.size(); ++i) {
    if (articles[i].group.empty()) continue;
    std::vector<size_t>& earlier = groups[articles[i].group];
    const auto unknown = std::find_if(earlier.begin(), earlier.end(), [&](size_t other) {
      return known.count({other, i}) == 0;
    });
    if (unknown != earlier.end()) pairs.emplace_back(*unknown, i);
    earlier.push_back(i);
  }
  return pairs;
}

std::vector<PositionPair> MissesByLabel(const std::vector<GroupedArticle>& articles) {
  std::unordered_map<std::string, size_t> first_of_label;
  std::vector<PositionPair> pairs;
  for (size_t i = 0; i < articles.size(); ++i) {
    if (!articles[i].label) continue;
    const size_t first = first_of_label.emplace(*articles[i].label, i).first->second;
    if (articles[i].group.empty() || articles[first].group.empty()) continue;
    if (articles[i].group != articles[first].group) pairs.emplace_back(first, i);
  }
  return pairs;
}

std::vector<PositionPair> SpreadOverKinds(const std::vector<GroupedArticle>& articles,
                                          std::vector<PositionPair> pairs, size_t count) {
  std::map<std::string, size_t> seen;
  std::vector<std::pair<size_t, PositionPair>> turns;
  turns.reserve(pairs.size());
  for (const PositionPair& pair : pairs) {
    turns.emplace_back(seen[articles[pair.second].kind.value_or("")]++, pair);
  }
  std::stable_sort(turns.begin(), turns.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  turns.resize(std::min(count, turns.size()));
  pairs.clear();
  for (const auto& [turn, pair] : turns) pairs.push_back(pair);
  return pairs;
}

}  // namespace newsprint::cli
