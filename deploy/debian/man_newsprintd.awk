# From `newsprintd --help` to newsprintd(8). Usage: newsprintd --help | awk -v version=V -f man_newsprintd.awk
function escape(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  sub(/^[.']/, "\\\\\\&&", text)
  return text
}
BEGIN {
  print ".TH NEWSPRINTD 8 \"\" \"newsprint " version "\" \"System administration\""
  print ".SH NAME\nnewsprintd \\- service that finds copies of news articles and related stories"
  print ".SH SYNOPSIS\n.B newsprintd\n.BI \\-\\-data_dir= DIR\n.RI [ FLAG ...]"
  print ".SH DESCRIPTION"
}
/^Usage:/ {
  print ".PP"
  print "It prints one line on standard output, \\(lqlistening on HOST:PORT\\(rq, and its log on standard"
  print "error. SIGTERM and SIGINT let running calls end, save what is in memory, and end it with 0."
  print ".SH OPTIONS"
  next
}
/^[A-Z][a-z]+:$/ { print ".SS " substr($0, 1, length($0) - 1); next }
/^  --/ {
  equals = index($1, "=")
  print ".TP"
  if (equals) {
    print ".BI " escape(substr($1, 1, equals)) " " escape(substr($1, equals + 1))
  } else {
    print ".B " escape($1)
  }
  next
}
/^      Default:/ { print ".br" }
NF > 0 { sub(/^ +/, ""); print escape($0) }
END {
  print ".SH EXIT STATUS\n0 after a signal; 2 when a flag is missing or wrong; 1 for every other reason. The reason"
  print "is the last line on standard error."
  print ".SH FILES"
  print ".TP\n.I /etc/newsprint/newsprintd.flags\nFlags of the service, for \\-\\-flagfile."
  print ".TP\n.I /etc/newsprint/tls\nA folder for keys, certificates and the access file, which the service may read: files of\nroot:newsprint with mode 0640."
  print ".TP\n.I /var/lib/newsprint\nIts data. Belongs to the user newsprint. Purging the package deletes it."
  print ".SH SEE ALSO\n.BR newsprint (1)"
}
