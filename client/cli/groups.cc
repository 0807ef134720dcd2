// newsprint groups, canonical, merge and split.
#include <cstdint>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/group_output.h"
#include "client/cli/output.h"
#include "client/cli/paging.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

v1::ListGroupsRequest ListRequest(const Settings& settings) {
  v1::ListGroupsRequest request;
  request.set_collection(settings.collection);
  request.set_withdrawn_only(settings.withdrawn);
  // A withdrawn story counts also when there is no copy of it, or nothing at all any more.
  request.set_members_min(settings.members_min == 0 && !settings.withdrawn ? 2
                                                                           : settings.members_min);
  return request;
}

absl::Status ListGroups(Session& session) {
  const v1::ListGroupsRequest request = ListRequest(session.settings);
  Json json = Json::array();
  Table table({{"group"},
               {"members", Table::Align::kRight},
               {"canonical"},
               {"title", Table::Align::kLeft, true}});
  int64_t count = 0;
  absl::Status status = ForEachPage(
      session.settings.limit, request,
      [&](const v1::ListGroupsRequest& page_request) {
        return session.client.ListGroups(page_request);
      },
      [&](const v1::ListGroupsResponse& page) {
        for (const v1::Group& group : page.groups()) {
          if (session.settings.json) {
            json.push_back(ToJson(group));
          } else {
            table.AddRow({group.id(), absl::StrCat(group.member_count()), group.canonical_id(),
                          MarkedTitle(group.has_withdrawal(), group.title())});
          }
        }
        count += page.groups_size();
        return page.groups_size();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"groups", std::move(json)}}, session.out);
  } else if (count > 0) {
    table.Print(session.out, session.columns);
  } else if (session.settings.withdrawn) {
    session.out << "no withdrawn stories\n";
  } else {
    session.out << absl::StrFormat("no groups of %d or more articles\n", request.members_min());
  }
  return absl::OkStatus();
}

// `id` may be that of an article or that of a group; an article goes first, as its owner chose the
// name. With `is_group` only a group is meant.
absl::Status ShowGroup(Session& session, const std::string& id, bool is_group) {
  v1::GetGroupRequest request;
  request.set_collection(session.settings.collection);
  if (is_group) {
    request.set_group_id(id);
  } else {
    request.set_article_id(id);
  }
  v1::Group group;
  Json json = Json::array();
  Table table = MakeMemberTable();
  absl::Status status = ForEachPage(
      session.settings.limit, request,
      [&](v1::GetGroupRequest& page_request) {
        auto response = session.client.GetGroup(page_request);
        if (!absl::IsNotFound(response.status()) || !page_request.has_article_id()) return response;
        page_request.set_group_id(id);
        return session.client.GetGroup(page_request);
      },
      [&](const v1::GetGroupResponse& page) {
        group = page.group();
        for (const v1::GroupMember& member : page.members()) {
          AddMember(member, table);
          json.push_back(ToJson(member));
        }
        return page.members_size();
      });
  if (!status.ok()) return status;
  if (session.settings.json) {
    PrintJson({{"group", ToJson(group)}, {"members", std::move(json)}}, session.out);
    return absl::OkStatus();
  }
  PrintGroup(group, session.out);
  table.Print(session.out, session.columns);
  return absl::OkStatus();
}

// The group as it is after an edit.
absl::Status ShowEdited(Session& session, const v1::Group& group) {
  if (session.settings.json) {
    PrintJson({{"group", ToJson(group)}}, session.out);
  } else {
    PrintGroup(group, session.out);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunGroups(Session& session, const Args& args) {
  const std::string& group = session.settings.group;
  if (!group.empty() && !args.empty()) {
    return UsageError("groups: give either an ID or --group=GROUP_ID");
  }
  if (!group.empty()) return ShowGroup(session, group, /*is_group=*/true);
  if (!args.empty()) return ShowGroup(session, args[0], /*is_group=*/false);
  return ListGroups(session);
}

absl::Status RunCanonical(Session& session, const Args& args) {
  if ((args.size() == 2) == session.settings.by_policy) {
    return UsageError("canonical: give either an ID or --by_policy");
  }
  v1::SetCanonicalRequest request;
  request.set_collection(session.settings.collection);
  request.set_group_id(args[0]);
  if (args.size() == 2) {
    if (args[1].empty()) return UsageError("canonical: the ID is empty");
    request.set_article_id(args[1]);
  }
  const auto response = session.client.SetCanonical(request);
  return response.ok() ? ShowEdited(session, response->group()) : response.status();
}

absl::Status RunMerge(Session& session, const Args& args) {
  v1::MergeGroupsRequest request;
  request.set_collection(session.settings.collection);
  request.set_group_id(args[0]);
  request.set_merged_group_id(args[1]);
  const auto response = session.client.MergeGroups(request);
  return response.ok() ? ShowEdited(session, response->group()) : response.status();
}

absl::Status RunSplit(Session& session, const Args& args) {
  v1::SplitGroupRequest request;
  request.set_collection(session.settings.collection);
  request.set_group_id(args[0]);
  for (size_t i = 1; i < args.size(); ++i) request.add_article_ids(args[i]);
  const auto response = session.client.SplitGroup(request);
  if (!response.ok()) return response.status();
  if (session.settings.json) {
    PrintJson({{"group", ToJson(response->group())}, {"new_group", ToJson(response->new_group())}},
              session.out);
    return absl::OkStatus();
  }
  PrintGroup(response->group(), session.out);
  session.out << "new ";
  PrintGroup(response->new_group(), session.out);
  return absl::OkStatus();
}

}  // namespace newsprint::cli
