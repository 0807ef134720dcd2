// fuzz_replay FOLDER: runs each target over the files of FOLDER/NAME, as a test of what fuzzing has
// found and of the targets themselves. A file that ends the process was named before.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Sorted(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

int Replay(const fs::path& corpus) {
  std::set<std::string> names;
  for (const Target& target : kTargets) {
    names.insert(target.name);
    const std::vector<fs::path> files = Sorted(corpus / target.name);
    Require(!files.empty(), "a target has a corpus");
    target.run("");
    for (const fs::path& path : files) {
      std::fprintf(stderr, "%s\n", path.c_str());
      std::ifstream file(path, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      target.run(bytes);
    }
    std::printf("%s: %zu files\n", target.name, files.size());
  }
  for (const fs::path& folder : Sorted(corpus)) {
    Require(names.count(folder.filename().string()) == 1, "a corpus has a target");
  }
  return 0;
}

}  // namespace
}  // namespace newsprint::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_replay FOLDER\n");
    return 2;
  }
  return newsprint::fuzz::Replay(argv[1]);
}
