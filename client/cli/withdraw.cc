// newsprint withdraw, reinstate and affected.
#include <cstdint>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/group_output.h"
#include "client/cli/output.h"
#include "client/cli/paging.h"
#include "client/cli/session.h"

namespace newsprint::cli {
namespace {

// Fills in which story `request` is about: the article in `args`, or the group of --group.
template <typename Request>
absl::Status SetStory(Session& session, const Args& args, Request& request) {
  request.set_collection(session.settings.collection);
  if (args.empty() == session.settings.group.empty()) {
    return UsageError(
        absl::StrCat(session.settings.words[0], ": give either an ID or --group=GROUP_ID"));
  }
  if (args.empty()) {
    request.set_group_id(session.settings.group);
  } else {
    request.set_article_id(args[0]);
  }
  return absl::OkStatus();
}

// `status` of a call about the article in `args`, with a hint where the word names a group.
absl::Status WithGroupHint(Session& session, const Args& args, const absl::Status& status) {
  if (args.empty() || !absl::IsNotFound(status)) return status;
  v1::GetGroupRequest request;
  request.set_collection(session.settings.collection);
  request.set_group_id(args[0]);
  request.set_page_size(1);
  if (!session.client.GetGroup(request).ok()) return status;
  return absl::NotFoundError(
      absl::StrCat(status.message(), "; for the group give --group=", args[0]));
}

void PrintAffected(Session& session, const v1::ListAffectedArticlesResponse& page, Table& table) {
  for (const v1::GroupMember& article : page.articles()) {
    if (session.settings.json) {
      PrintJson(ToJson(article), session.out);
    } else {
      AddMember(article, table);
    }
  }
  if (!session.settings.json) table.PrintMore(session.out, session.columns);
  session.out.flush();
}

}  // namespace

absl::Status RunWithdraw(Session& session, const Args& args) {
  const Settings& settings = session.settings;
  v1::WithdrawStoryRequest request;
  if (absl::Status status = SetStory(session, args, request); !status.ok()) return status;
  for (const auto reason : {v1::WITHDRAWAL_REASON_KILLED, v1::WITHDRAWAL_REASON_CORRECTED}) {
    if (settings.reason == WithdrawalReasonName(reason)) request.set_reason(reason);
  }
  if (request.reason() == v1::WITHDRAWAL_REASON_UNSPECIFIED) {
    return UsageError("withdraw: --reason must be killed or corrected");
  }
  request.set_note(settings.note);
  request.set_replacement_id(settings.replacement);
  const auto response = session.client.WithdrawStory(request);
  if (!response.ok()) return WithGroupHint(session, args, response.status());
  if (settings.json) {
    PrintJson(
        {{"group", ToJson(response->group())}, {"affected_count", response->affected_count()}},
        session.out);
    return absl::OkStatus();
  }
  PrintGroup(response->group(), session.out);
  session.out << Counted(response->affected_count(), "article")
              << (response->affected_count() == 1 ? " is affected\n" : " are affected\n");
  return absl::OkStatus();
}

absl::Status RunReinstate(Session& session, const Args& args) {
  v1::ReinstateStoryRequest request;
  if (absl::Status status = SetStory(session, args, request); !status.ok()) return status;
  const auto response = session.client.ReinstateStory(request);
  if (!response.ok()) return WithGroupHint(session, args, response.status());
  if (session.settings.json) {
    Json group = nullptr;
    if (response->has_group()) group = ToJson(response->group());
    PrintJson({{"group", std::move(group)}}, session.out);
  } else if (response->has_group()) {
    PrintGroup(response->group(), session.out);
  } else {
    session.out << "reinstated; nothing is left of the group\n";
  }
  return absl::OkStatus();
}

absl::Status RunAffected(Session& session, const Args& args) {
  v1::ListAffectedArticlesRequest request;
  if (absl::Status status = SetStory(session, args, request); !status.ok()) return status;
  Table table = MakeMemberTable();
  return ForEachPage(
      session.settings.limit, request,
      [&](const v1::ListAffectedArticlesRequest& page_request)
          -> absl::StatusOr<v1::ListAffectedArticlesResponse> {
        if (!session.out.good()) return absl::UnknownError("cannot write to standard output");
        auto response = session.client.ListAffectedArticles(page_request);
        if (!response.ok()) return WithGroupHint(session, args, response.status());
        if (!session.settings.json && page_request.page_token().empty()) {
          session.out << "WITHDRAWN: " << DescribeWithdrawal(response->withdrawal()) << "\n";
        }
        return response;
      },
      [&](const v1::ListAffectedArticlesResponse& page) {
        PrintAffected(session, page, table);
        return page.articles_size();
      });
}

}  // namespace newsprint::cli
