// What a collection must look like after a sequence of calls: a plain model of what was stored, and
// the promises of the API over all that can be read of it.
#ifndef NEWSPRINT_TESTS_FUZZ_STORY_MODEL_H_
#define NEWSPRINT_TESTS_FUZZ_STORY_MODEL_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tests/fuzz/engine_fixture.h"

namespace newsprint::fuzz {

inline constexpr char kStories[] = "stories";

// A text out of a few passages: texts that share some of them are copies, and two of the same
// choice normalise to the same words however they are written.
struct StoryChoice {
  size_t title = 0;
  uint8_t passages = 0;  // a bit each
  size_t facts = 0;      // the numbers in those that have some

  bool operator==(const StoryChoice& other) const {
    return std::tie(title, passages, facts) == std::tie(other.title, other.passages, other.facts);
  }
};
inline constexpr size_t kStoryTitles = 3;
inline constexpr size_t kStoryFacts = 4;

std::string StoryTitle(const StoryChoice& choice);
// `style`: bit 0 as HTML, bit 1 in capitals, bit 2 with white space around.
std::string StoryBody(const StoryChoice& choice, uint8_t style);

struct ModelArticle {
  StoryChoice choice;
  std::string body;
  bool is_fingerprint = false;
};

// Articles that are stored, by id.
struct StoryModel {
  bool keeps_text = true;
  std::map<std::string, ModelArticle> articles;
};

struct ListedGroup {
  v1::Group group;
  std::vector<v1::GroupMember> members;
};

// All groups with all members, page by page.
std::vector<ListedGroup> ListGroups(const EngineFixture& fixture);

// Ends the process unless counts, groups, members and articles fit each other and the model.
void RequireConsistent(const EngineFixture& fixture, const StoryModel& model);

// Ends the process unless the changes that WatchGroups would tell lead to the groups that there
// are.
void RequireChangesTellGroups(const EngineFixture& fixture);

// All that can be read of the collection, but sizes in memory and on disk.
std::string Snapshot(const EngineFixture& fixture, const StoryModel& model);

}  // namespace newsprint::fuzz

#endif  // NEWSPRINT_TESTS_FUZZ_STORY_MODEL_H_
