// The model that is linked into the binary; docs/model.md tells how it was made.
#ifndef NEWSPRINT_SERVICE_EMBED_BUILTIN_MODEL_H_
#define NEWSPRINT_SERVICE_EMBED_BUILTIN_MODEL_H_

#include "service/embed/term_model.h"

namespace newsprint::embed {

// Read once, at the first call. Lives as long as the process; safe from any thread.
const TermModel& BuiltInModel();

}  // namespace newsprint::embed

#endif  // NEWSPRINT_SERVICE_EMBED_BUILTIN_MODEL_H_
