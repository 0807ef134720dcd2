#include "service/embed/builtin_model.h"

#include <cstdio>
#include <cstdlib>

// From builtin_model.S.
extern "C" const char newsprint_builtin_model_begin[];
extern "C" const char newsprint_builtin_model_end[];

namespace newsprint::embed {

const TermModel& BuiltInModel() {
  static const TermModel& model = *[] {
    absl::StatusOr<TermModel> parsed = TermModel::Parse(
        {newsprint_builtin_model_begin,
         static_cast<size_t>(newsprint_builtin_model_end - newsprint_builtin_model_begin)});
    if (!parsed.ok()) {
      // The build put something else into the binary.
      std::fprintf(stderr, "built-in model: %s\n", parsed.status().ToString().c_str());
      std::abort();
    }
    return new TermModel(*std::move(parsed));
  }();
  return model;
}

}  // namespace newsprint::embed
