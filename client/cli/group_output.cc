#include "client/cli/group_output.h"

#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace newsprint::cli {
namespace {

// What is special about a change, for people.
std::string Details(const v1::GroupChange& change) {
  std::vector<std::string> parts;
  if (change.relation() != v1::RELATION_UNSPECIFIED) {
    parts.push_back(RelationName(change.relation()));
  }
  if (!change.other_group_id().empty()) {
    const bool is_arrival = change.kind() == v1::GROUP_CHANGE_KIND_CREATED ||
                            change.kind() == v1::GROUP_CHANGE_KIND_JOINED;
    parts.push_back(absl::StrCat(is_arrival ? "from " : "to ", change.other_group_id()));
  }
  if (change.kind() == v1::GROUP_CHANGE_KIND_JOINED && !change.canonical_id().empty()) {
    parts.push_back(absl::StrCat("canonical ", change.canonical_id()));
  }
  if (change.expired()) parts.push_back("expired");
  if (!change.previous_canonical_id().empty()) {
    parts.push_back(absl::StrCat("was ", change.previous_canonical_id()));
  }
  if (change.has_withdrawal()) {
    parts.push_back(absl::StrCat("WITHDRAWN ", DescribeWithdrawal(change.withdrawal())));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace

std::string ChangeKindName(v1::GroupChangeKind kind) {
  return ShortName(v1::GroupChangeKind_Name(kind), "GROUP_CHANGE_KIND_");
}

Json ToJson(const v1::Group& group) {
  Json json = {{"id", group.id()},
               {"canonical_id", group.canonical_id()},
               {"title", group.title()},
               {"member_count", group.member_count()},
               {"canonical_pinned", group.canonical_pinned()}};
  if (group.has_withdrawal()) json["withdrawal"] = ToJson(group.withdrawal());
  return json;
}

Json ToJson(const v1::GroupMember& member) {
  Json json = {{"id", member.article_id()},
               {"relation", RelationName(member.relation())},
               {"title", member.title()},
               {"source", member.source()},
               {"url", member.url()},
               {"published_at", FormatTime(member.has_published_at(), member.published_at())},
               {"ingested_at", FormatTime(member.has_ingested_at(), member.ingested_at())},
               {"placed_by_editor", member.placed_by_editor()}};
  if (member.has_evidence()) json["evidence"] = ToJson(member.evidence());
  return json;
}

Json ToJson(const v1::GroupChange& change) {
  Json json = {{"sequence", change.sequence()},
               {"kind", ChangeKindName(change.kind())},
               {"group_id", change.group_id()},
               {"article_id", change.article_id()},
               {"canonical_id", change.canonical_id()},
               {"previous_canonical_id", change.previous_canonical_id()},
               {"other_group_id", change.other_group_id()},
               {"changed_at", FormatTime(change.has_changed_at(), change.changed_at())}};
  if (change.relation() != v1::RELATION_UNSPECIFIED) {
    json["relation"] = RelationName(change.relation());
  }
  if (change.has_withdrawal()) json["withdrawal"] = ToJson(change.withdrawal());
  if (change.expired()) json["expired"] = true;
  return json;
}

void PrintGroup(const v1::Group& group, std::ostream& out) {
  out << absl::StrFormat("group %s: %s, canonical %s%s\n", group.id(),
                         Counted(group.member_count(), "member"), group.canonical_id(),
                         group.canonical_pinned() ? " (chosen by an editor)" : "");
  if (group.has_withdrawal())
    out << "WITHDRAWN: " << DescribeWithdrawal(group.withdrawal()) << "\n";
}

Table MakeMemberTable() {
  return Table({{"id"},
                {"relation"},
                {"jaccard", Table::Align::kRight},
                {"published at"},
                {"source"},
                {"title", Table::Align::kLeft, true}});
}

void AddMember(const v1::GroupMember& member, Table& table) {
  table.AddRow(
      {member.article_id(),
       absl::StrCat(RelationName(member.relation()), member.placed_by_editor() ? ", placed" : ""),
       member.has_evidence() ? FormatFigure(member.evidence().jaccard()) : "-",
       FormatTime(member.has_published_at(), member.published_at()), member.source(),
       member.title()});
}

Table MakeChangeTable() {
  // Wide enough for most of what will come.
  constexpr int kTimeWidth = 20;
  constexpr int kGroupWidth = 7;
  constexpr int kArticleWidth = 16;
  const std::string longest_kind = ChangeKindName(v1::GROUP_CHANGE_KIND_CANONICAL_CHANGED);
  return Table({{"sequence", Table::Align::kRight},
                {"changed at", Table::Align::kLeft, false, kTimeWidth},
                {"change", Table::Align::kLeft, false, DisplayWidth(longest_kind)},
                {"group", Table::Align::kLeft, false, kGroupWidth},
                {"article", Table::Align::kLeft, false, kArticleWidth},
                {"details"}});
}

void AddChange(const v1::GroupChange& change, Table& table) {
  google::protobuf::Timestamp second = change.changed_at();
  second.clear_nanos();
  table.AddRow({absl::StrCat(change.sequence()), FormatTime(change.has_changed_at(), second),
                ChangeKindName(change.kind()), change.group_id(), change.article_id(),
                Details(change)});
}

}  // namespace newsprint::cli
