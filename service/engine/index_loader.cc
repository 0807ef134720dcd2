#include "service/engine/index_loader.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "service/common/status_macros.h"

namespace newsprint {
namespace {

// Groups read from the store in one go.
constexpr size_t kBatchGroups = 1'000;

absl::Status Stopped() { return absl::CancelledError("engine: loading was stopped"); }

bool IsMarked(const std::vector<bool>& marks, Ordinal ordinal) {
  return ordinal < marks.size() && marks[ordinal];
}

}  // namespace

absl::StatusOr<Ordinal> IndexLoader::LoadBoilerplate(Boilerplate* boilerplate) const {
  ASSIGN_OR_RETURN(const store::BoilerplateRecord record, store_.GetBoilerplate(uid_));
  boilerplate->Begin(record);
  for (Ordinal ordinal = record.first_lesson; ordinal < ordinals_; ++ordinal) {
    if (!keep_going_()) return Stopped();
    ASSIGN_OR_RETURN(const auto lesson, store_.GetLesson(uid_, ordinal));
    if (!lesson.has_value()) continue;
    if (lesson->shingles.has_value()) {
      boilerplate->Learn(*lesson->shingles, lesson->source);
      continue;
    }
    ASSIGN_OR_RETURN(const store::FingerprintRecord fingerprint,
                     store_.GetFingerprint(uid_, ordinal));
    boilerplate->Learn(fingerprint.shingles, lesson->source);
  }
  return record.first_lesson;
}

absl::Status IndexLoader::LoadIndexes(index::FingerprintIndex* fingerprints,
                                      SubjectIndex* subjects) const {
  // Graphs and groups are read at the same time, and then fingerprints and subjects: neither needs
  // the other.
  absl::StatusOr<Marks> found;
  {
    std::thread thread([&] { found = LoadReferences(); });
    subjects->LoadGraphs();
    thread.join();
  }
  RETURN_IF_ERROR(found.status());
  const Marks& references = *found;
  absl::Status of_fingerprints;
  std::thread thread([&] { of_fingerprints = LoadFingerprints(references, fingerprints); });
  const auto load_subjects = [&]() -> absl::Status {
    RETURN_IF_ERROR(LoadTerms(references, subjects));
    RETURN_IF_ERROR(LoadVectors(references, *subjects->embedding(), subjects));
    if (const std::shared_ptr<const Embedding> next = subjects->next(); next != nullptr) {
      RETURN_IF_ERROR(LoadVectors(references, *next, subjects));
    }
    subjects->FinishLoading();
    return absl::OkStatus();
  };
  const absl::Status of_subjects = load_subjects();
  thread.join();
  RETURN_IF_ERROR(of_fingerprints);
  return of_subjects;
}

absl::StatusOr<IndexLoader::Marks> IndexLoader::LoadReferences() const {
  Marks references(ordinals_);
  GroupNumber first = 0;
  while (true) {
    if (!keep_going_()) return Stopped();
    ASSIGN_OR_RETURN(const auto groups, store_.Groups(uid_, first, kBatchGroups));
    for (const auto& [number, group] : groups) {
      for (const Ordinal reference : group.references) {
        if (reference >= ordinals_) {
          return absl::DataLossError(
              absl::StrCat("store: group ", number, " has an article that is not there"));
        }
        references[reference] = true;
      }
      first = number + 1;
    }
    if (groups.size() < kBatchGroups) return references;
  }
}

absl::Status IndexLoader::LoadFingerprints(const Marks& references,
                                           index::FingerprintIndex* index) const {
  int64_t missing = std::count(references.begin(), references.end(), true);
  bool stopped = false;
  RETURN_IF_ERROR(
      store_.ForEachSketch(uid_, [&](Ordinal ordinal, const store::SketchRecord& sketch) {
        stopped = !keep_going_();
        if (!IsMarked(references, ordinal)) return !stopped;
        index->Add(ordinal, sketch.values);
        --missing;
        return !stopped;
      }));
  if (stopped) return Stopped();
  if (missing == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("store: no sketch of ", missing, " articles"));
}

// Articles that were deleted after their story was withdrawn are references without a subject.
absl::Status IndexLoader::LoadTerms(const Marks& references, SubjectIndex* index) const {
  absl::Status status;
  RETURN_IF_ERROR(store_.ForEachTerms(uid_, [&](Ordinal ordinal, const store::TermsRecord& terms) {
    if (IsMarked(references, ordinal)) status = index->Add(ordinal, {terms.terms, {}, {}});
    if (status.ok() && !keep_going_()) status = Stopped();
    return status.ok();
  }));
  return status;
}

absl::Status IndexLoader::LoadVectors(const Marks& references, const Embedding& embedding,
                                      SubjectIndex* index) const {
  const uint32_t generation = embedding.settings.generation;
  absl::Status status;
  RETURN_IF_ERROR(store_.ForEachVector(uid_, generation,
                                       [&](Ordinal ordinal, const std::vector<float>& vector) {
                                         if (IsMarked(references, ordinal))
                                           status = index->SetVector(generation, ordinal, vector);
                                         if (status.ok() && !keep_going_()) status = Stopped();
                                         return status.ok();
                                       }));
  return status;
}

}  // namespace newsprint
