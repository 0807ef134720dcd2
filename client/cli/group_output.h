// Printing groups, their members and their changes.
#ifndef NEWSPRINT_CLIENT_CLI_GROUP_OUTPUT_H_
#define NEWSPRINT_CLIENT_CLI_GROUP_OUTPUT_H_

#include <iosfwd>
#include <string>

#include "client/cli/output.h"
#include "newsprint/v1/cluster_service.pb.h"

namespace newsprint::cli {

// "canonical_changed" and so on.
std::string ChangeKindName(v1::GroupChangeKind kind);

Json ToJson(const v1::Group& group);
Json ToJson(const v1::GroupMember& member);
// With the names of the proto's fields.
Json ToJson(const v1::GroupChange& change);

// "group g2: 4 members, canonical ap-17", and a line more when its story is withdrawn.
void PrintGroup(const v1::Group& group, std::ostream& out);

// A table of members, and its rows.
Table MakeMemberTable();
void AddMember(const v1::GroupMember& member, Table& table);

// A table of changes, for rows that come one by one, and its rows.
Table MakeChangeTable();
void AddChange(const v1::GroupChange& change, Table& table);

}  // namespace newsprint::cli

#endif  // NEWSPRINT_CLIENT_CLI_GROUP_OUTPUT_H_
