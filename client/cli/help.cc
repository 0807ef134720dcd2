#include "client/cli/help.h"

namespace newsprint::cli {
namespace {

constexpr char kGeneral[] = R"(Usage: newsprint COMMAND [ARGUMENTS] [FLAGS]

  import FILE...                add articles from JSONL files (.gz too, - for standard input)
  find ID | --file=FILE         copies of an article
  related ID | --file=FILE      the rest of the story
  compare ID_A ID_B             how two articles stand to each other, and why
  get ID                        one article and what is known about it
  delete ID...                  delete articles for good
  groups [ID or GROUP_ID]       groups of copies, or the members of one
  canonical GROUP_ID ID         choose the article that stands for a group
  merge GROUP_ID OTHER_ID       move all members of another group into a group
  split GROUP_ID ID...          move some members into a group of their own
  watch                         changes to groups as they happen
  withdraw ID | --group=ID      mark a story, with all copies, as killed or corrected
  reinstate ID | --group=ID     take that back
  affected ID | --group=ID      all copies of a withdrawn story
  fingerprint FILE...           articles without their text, to be imported elsewhere
  stats                         counts and sizes of a collection
  collections [list]            collections; also create, update, delete NAME
  embedders                     what can make vectors on this server
  reembed --embedder=NAME       move a collection to another embedder
  evaluate KIND FILE            measure quality on a labelled file: duplicates, related, similarity
  train FILE... --output=MODEL  learn from an archive which words tell its stories apart
  backup DIR                    copy the data of a running server, verified
  restore BACKUP DATA_DIR       make a data folder of a backup
  check DATA_DIR                look for damage in the data folder of a stopped server, or a backup
  token create                  make a token for a server's access file
  snapshots [list]              copies that the server keeps; also create [NAME], delete NAME
  help [COMMAND]                this page, or more about one command

Flags, before or after the words above; a dash does for an underscore:
  --target=HOST:PORT            the server (127.0.0.1:7420)
  --tls                         use TLS, with the system's roots; the next three do too
  --tls_ca=FILE                 with the roots in this file (PEM)
  --tls_cert=FILE, --tls_key=FILE
                                with this certificate of the client
  --token_file=FILE             the token that says who calls; or NEWSPRINT_TOKEN in the environment.
                                Goes over TLS, or to this machine, only
  --collection=NAME             the collection (default)
  --json                        one JSON object on one line, for programs
  --deadline_ms=N               time for one call, milliseconds (30000)
  --limit=N                     at most N matches, results, groups or members

Exit code: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.
)";

struct Page {
  absl::string_view command;
  absl::string_view text;
};

constexpr Page kPages[] = {
    {"import", R"(Usage: newsprint import FILE... [--collection=NAME] [--skip_related] [--json]

Adds the articles of JSONL files, in order, and counts what each turned out to be. One object a
line: id, title, body, and optional lang, source, url, published_at (RFC 3339). Other fields are
ignored. In place of the body there may be a fingerprint, as "newsprint fingerprint" prints it. gzip
is recognised by content; - is standard input.

When the collection's embedding server does not answer, articles are imported all the same. A note
says how many wait for it; their vectors are filled in when it answers. Another note says how many
were judged but not kept, being older than the collection's retention.

A bad line or a refused article is reported and left out; the rest goes on, and the exit code is 1
at the end. Running an import again changes nothing that is already there.

  --skip_related    do not look for related articles, which is several times faster: articles are
                    counted as new that might have been related. Later searches find them all the same

Example: newsprint import archive-2011.jsonl.gz
)"},
    {"find", R"(Usage: newsprint find ID [--limit=N] [--json]
       newsprint find --file=ARTICLE.jsonl|- [--limit=N] [--json]

Says whether an article is a copy of something stored, and of what: a stored article by its ID, or
the first article of a file, which is not stored. Template pairs are listed but are no copies. A
line WITHDRAWN says that it is a copy of a story that was killed or corrected.

Columns: "contained" is the share of the article that stands in the match, "contains" the other way
round, "score" how likely the two are of one story, "lede" how much of one's first words stands in
the other, "boilerplate" the number of shared shingles that were left out because many articles have
them.

  --limit=N   at most N matches, 1 to 100 (10)

Example: newsprint find ap-20110504-0017
)"},
    {"related",
     R"(Usage: newsprint related ID [FLAGS] [--json]
       newsprint related --file=ARTICLE.jsonl|- [FLAGS] [--json]

Lists the stored articles nearest in subject, best first, one for each group of copies. The score
says how likely an article is of the same story, 0 to 1.

  --limit=N              at most N results, 1 to 1000 (10)
  --score_min=S          leave out results below this score, 0 to 1 (none)
  --include_duplicates   also list copies, of the article itself too
  --half_life=T          halve a score for each T between the two times of publication, as 36h (no
                         decay); units are h, m and s
  --source=A,B           only articles of these sources
  --language=EN,DE       only articles in these languages; pt is also pt-BR
  --since=TIME           only articles published at this time or later: a date, or RFC 3339
  --until=TIME           only articles published before this time; a date is its beginning, in UTC
  --diversity=D          variety, 0 to 1 (0): the higher, the less the results resemble each other.
                         They are then no longer in the order of their scores

Examples: newsprint related ap-20110504-0017 --limit=5 --half_life=36h
          newsprint related ap-20110504-0017 --language=en,de --since=2011-05-01 --until=2011-06-01
)"},
    {"compare", R"(Usage: newsprint compare ID_A ID_B [--json]

Says how article A stands to article B, with the evidence and the threshold that decided. "score" is
how likely the two are of one story, from the cosine of their vectors and that of their terms;
"similarity" is the same for people, 0 (nothing in common) to 1 (the same story told the same way).
)"},
    {"get", R"(Usage: newsprint get ID [--json]

Prints a stored article with its group, canonical, relation and revision number, and with a line
WITHDRAWN when its story was killed or corrected.
)"},
    {"delete", R"(Usage: newsprint delete ID... [--json]

Deletes articles for good. Their groups live on as long as they have members.
)"},
    {"groups", R"(Usage: newsprint groups [--members_min=N] [--withdrawn] [--limit=N] [--json]
       newsprint groups ID|GROUP_ID|--group=GROUP_ID [--limit=N] [--json]

Lists the groups of copies, oldest first, or the members of one group, named by its own id or by
that of any of its articles. Members that an editor put there are "placed".

  --members_min=N   groups of at least N articles (2)
  --withdrawn       only those of withdrawn stories, of any number of articles
  --group=ID        the group of this id, even when an article has the same id
  --limit=N         at most N groups or members (all)
)"},
    {"canonical", R"(Usage: newsprint canonical GROUP_ID ID [--json]
       newsprint canonical GROUP_ID --by_policy [--json]

Makes a member the canonical of its group, the article that stands for it, whatever the collection's
policy says. --by_policy gives the choice back to the policy.
)"},
    {"merge", R"(Usage: newsprint merge GROUP_ID OTHER_GROUP_ID [--json]

Moves all members of the other group into the group, for good. The id of the other group names the
group from then on.
)"},
    {"split", R"(Usage: newsprint split GROUP_ID ID... [--json]

Moves the articles out of the group into a new one. They stay apart from then on.
)"},
    {"watch", R"(Usage: newsprint watch [--after=N] [--limit=N] [--json]

Prints each change to a group of copies on a line of its own, in order, once it is on disk, until
it is interrupted: created, joined, left, canonical_changed, merged, withdrawn, reinstated, ended.
When the connection breaks it is opened again and nothing is missed. With --json a line is one
object with the fields of GroupChange.

  --after=N   changes after number N; 0 for all that are kept. Without it, from now on.
  --limit=N   end after N changes (never)

The number for --after is the "sequence" of the last line, or the "group_change_sequence" of
"newsprint stats --json". The server keeps the last 1,000,000 changes.
)"},
    {"withdraw",
     R"(Usage: newsprint withdraw ID|--group=GROUP_ID --reason=killed|corrected [FLAGS] [--json]

Marks a story as withdrawn: the article with this ID, and every copy of it, present and later. From
then on find, get, import and watch say so. Nothing is deleted. When called again it replaces
reason, note and replacement.

  --reason=R         killed (not to be used any more) or corrected (wrong in part)
  --note=TEXT        for people, at most 1024 bytes
  --replacement=ID   the article that replaces the story, stored or not; itself never affected
  --group=ID         the story of this group, in place of an ID

Example: newsprint withdraw ap-20110504-0017 --reason=killed --note="wrong person named"
)"},
    {"reinstate", R"(Usage: newsprint reinstate ID|--group=GROUP_ID [--json]

Takes the withdrawal of a story back.
)"},
    {"affected", R"(Usage: newsprint affected ID|--group=GROUP_ID [--limit=N] [--json]

Lists all copies of a withdrawn story, in the order in which they came, also those that came after
the withdrawal. Output begins with the first page; with --json each article is one object on a line
of its own.

  --limit=N   at most N articles (all)
)"},
    {"fingerprint", R"(Usage: newsprint fingerprint FILE... [--collection=NAME]

Prints for each article of a JSONL file one line of JSON with what Newsprint compares,
"fingerprint", in place of the body. "newsprint import" reads such lines, here or on another server,
in collections of the same fingerprint scheme and embedder. The fingerprint is Base64 of the
serialised message newsprint.v1.Fingerprint.

Of the other fields id, title, lang, source, url, published_at, label and kind are kept. The title
is text too: take it out of the output where it must not be handed over. Nothing is stored.

Example: newsprint fingerprint archive-2011.jsonl.gz | gzip > fingerprints.jsonl.gz
)"},
    {"stats", R"(Usage: newsprint stats [--collection=NAME] [--json]

Prints the number of articles, relations and groups of a collection, and what it takes up; the
number of operations and of changes to groups so far, and of the shingles that are boilerplate now;
how many articles have expired so far, and the oldest time of one.
When articles wait for the embedding server to make their vectors, it says how many.
)"},
    {"collections", R"(Usage: newsprint collections [list] [--json]
       newsprint collections create NAME [FLAGS] [--json]
       newsprint collections update NAME [--retention_...=N] [--durability=D] [--json]
       newsprint collections delete NAME [--json]

Lists, creates, changes or deletes collections. Settings are fixed at creation, but retention,
durability, and the embedder ("newsprint help reembed"); what is not given has the server's default,
or stays as it is. Deleting a collection deletes its articles.

  --retention_days=N            articles expire at this age; 0: at none (the default)
  --retention_seconds=N         the same in seconds
  --retention_articles=N        when there are more articles, the oldest expire; 0: any number (the
                                default)
  --durability=D                sync: a write is acknowledged once it is on disk (the default);
                                async: at once, and a crash may lose the last second
  --omit_text                   keep no title and no body, only what recognises them
  --shingle_words=N             words in a shingle, 1 to 16 (5)
  --embedder=NAME               what makes the vectors: builtin (the default), caller (every article
                                brings its own), or another of "newsprint embedders"
  --embedding_dimension=N       for caller: length of the vectors, 8 to 4096, a multiple of 8 (256)
  --canonical_policy=P          which copy stands for its group: first_ingested (the default),
                                earliest_published, source_priority or longest
  --source_priority=A,B,C       for source_priority: sources, the preferred one first
  --near_duplicate_jaccard=J    at least this Jaccard similarity makes a duplicate
  --duplicate_containment=C     at least this containment makes a duplicate
  --excerpt_length_ratio=R      a duplicate of at most this relative length is an excerpt
  --tokens_min=N                shorter articles match only exactly
  --template_jaccard=J          from here on two articles share a form
  --template_shared_numbers=S   with a smaller share of common numbers they are a template pair
  --template_numbers_min=N      numbers that both must have for that
  --related_score_min=S         at least this score makes an article related, 0 to 1
  --revision_window_seconds=N   copies of one source within this time are revisions
  --boilerplate_articles_min=N  what so many articles have is boilerplate
  --boilerplate_source_articles_min=N
                                the same for articles of one source
  --footer_shingles_max=N       what shares at most so many shingles, and not the lede, shares a
                                footer and is no duplicate; 0 switches this off
  --lede_containment_min=C      from here on two articles share their lede
)"},
    {"embedders", R"(Usage: newsprint embedders [--json]

Lists what can make vectors on this server: the names for --embedder. The identity stands for the
parameters; vectors of different identities do not compare. A remote server is not asked, so its
dimension and identity are known only once a collection uses it.
)"},
    {"reembed", R"(Usage: newsprint reembed --embedder=NAME [--wait=false] [--json]
       newsprint reembed --cancel [--json]

Moves the collection to another embedder: the server makes all vectors anew from the stored texts,
in the background, while searches go on with the old ones, and then changes over at once. Waits
until that is done. Ctrl-C ends the waiting, not the move; the same command waits for it again.

  --embedder=NAME   the embedder to move to, as "newsprint embedders" tells
  --wait=false      do not wait
  --cancel          end the move; the old vectors stay

With --json the "state" is moved, moving (nobody waits), unchanged or cancelled.

Example: newsprint reembed --collection=wire --embedder=news-256
)"},
    {"evaluate",
     R"(Usage: newsprint evaluate duplicates FILE [--pairs=PAIRS] [--show_errors=N] [--json]
       newsprint evaluate duplicates FILE [--pairs=PAIRS] --sweep=THRESHOLD=FROM:TO:STEP [--json]
       newsprint evaluate related FILE [--json]
       newsprint evaluate similarity PAIRS [--json]

Measures quality in a collection of its own, which is dropped at the end. The flags of "collections
create" apply to it, --embedder among them.

  duplicates   ingests the articles and compares the groups with their "label": precision, recall
               and F1 over pairs; recall for each "kind". With --pairs (id_a, id_b, jaccard,
               containment) also recall for each band of likeness.
  related      ranks for each article the others of the file: precision at 1, mean average
               precision and recall at 10 against "label".
  similarity   ingests all texts, then compares "text1" with "text2": correlation of the similarity
               with -"overall" (1 same story, 4 unrelated), also for each pair of languages (lang1,
               lang2).

  --show_errors=N   duplicates: explain at most N false matches (in one group with an article of
                    another label) and N misses (not in one group with the first of their label),
                    1 to 1000, kinds in turn and the most blatant first: how the two compare, and
                    the longest passages in common. Without labels, by PAIRS: a pair in one group
                    that is not in it; a pair of jaccard .5 or containment .8 that is not in one
  --sweep=THRESHOLD=FROM:TO:STEP
                    duplicates: measure once for each value of a threshold, at most 50 of them, and
                    name those with the best F1. Reads FILE each time, so it cannot be -

Examples: newsprint evaluate duplicates sample.jsonl --show_errors=5
          newsprint evaluate duplicates sample.jsonl --sweep=near_duplicate_jaccard=0.2:0.5:0.05
)"},
    {"train",
     R"(Usage: newsprint train ARCHIVE... --output=MODEL [--epochs=N] [--held_out=S] [--seed=N] [--json]

Learns from the articles of JSONL files ("newsprint help import") how their words stand for subjects,
beginning with the built-in model, and writes a model file. Needs no server, no labels, and at least
200 articles that are no copies of each other; up to 500,000 are used. 40,000 long articles take
about a minute and 1 GB of memory.

Some articles are held out. For each of them the model has to find one half of its sentences by the
other half, among up to 10,000 articles. What is learned is kept only when it does that better than
before: with an archive that teaches nothing, MODEL is the built-in model. The same archive and flags
give the same file on processors of one kind.

  --output=MODEL   file to write; an old one is replaced when the new one is complete
  --epochs=N       passes over the articles, 1 to 20 (2); ends early when one brings nothing
  --held_out=S     share of the articles that is held out, above 0 to 0.5 (0.05)
  --seed=N         of all random choices (1)

Example: newsprint train archive-*.jsonl.gz --output=archive.model
)"},
    {"backup", R"(Usage: newsprint backup DIR [--json]

Copies the whole data of a running server, all collections included, into a new folder. The backup
holds everything that was acknowledged before the command began; the server goes on meanwhile. Every
file is compared with its checksum before DIR appears. When the connection breaks it goes on where
it was.

The server keeps a snapshot until the copy is complete, which takes up disk room there for files
that are replaced meanwhile. It is deleted at the end, also after Ctrl-C. While the server makes the
snapshot Ctrl-C waits for it; a second one does not.

Example: newsprint backup /backups/newsprint-$(date +%F)
)"},
    {"restore", R"(Usage: newsprint restore BACKUP DATA_DIR [--json]

Makes a data folder of a backup, on this machine or another one, without a server. Every file is
compared with its checksum before DATA_DIR appears. DATA_DIR must not exist, or be empty.

Example: newsprint restore /backups/newsprint-2026-11-22 /var/lib/newsprint
)"},
    {"check", R"(Usage: newsprint check DATA_DIR|BACKUP [--json]

Looks for damage in the data folder of a stopped server, or in a backup: reads every file with its
checksums and every record, and compares what the records say about each other. Changes nothing.
Each problem is a line, up to 10 of a kind, and each kind is followed by what to do about it. The
exit code is 1 when there is any.
)"},
    {"snapshots", R"(Usage: newsprint snapshots [list] [--limit=N] [--json]
       newsprint snapshots create [NAME] [--json]
       newsprint snapshots delete NAME [--json]

Lists, makes or deletes snapshots: copies of the data folder as it was at one moment, which the
server keeps in its folder "snapshots". They share their files with the server, and take up room as
it replaces these. "newsprint backup" makes its own and deletes it again.
)"},
    {"token", R"(Usage: newsprint token create [--output=FILE] [--json]

Makes a token of 32 random bytes and tells its SHA-256, which goes into the server's access file
(docs/security.md). The token itself is shown this once and kept nowhere. Needs no server.

  --output=FILE   write the token to a new file that only you can read, and show the hash alone

Example: newsprint token create --output=ingest-ap.token
)"},
    {"help", R"(Usage: newsprint help [COMMAND]
)"},
};

}  // namespace

absl::string_view GeneralHelp() { return kGeneral; }

absl::string_view CommandHelp(absl::string_view command) {
  for (const Page& page : kPages) {
    if (page.command == command) return page.text;
  }
  return "";
}

}  // namespace newsprint::cli
