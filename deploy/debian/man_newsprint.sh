#!/bin/sh
# From `newsprint help` and the pages of its commands to newsprint(1). Usage: man_newsprint.sh NEWSPRINT VERSION
set -eu
newsprint=$1
# As it stands, line by line.
verbatim() {
  printf '.nf\n'
  sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"
  printf '.fi\n'
}
printf '.TH NEWSPRINT 1 "" "newsprint %s" "User commands"\n' "$2"
printf '.SH NAME\nnewsprint \\- command line of the Newsprint service\n'
printf '.SH SYNOPSIS\n.B newsprint\n.I COMMAND\n.RI [ ARGUMENTS ]\n.RI [ FLAGS ]\n'
printf '.SH DESCRIPTION\n'
"$newsprint" help | sed 1,2d | verbatim
printf '.SH COMMANDS\n'
for command in $("$newsprint" help | sed -n '3,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  [ "$command" != help ] || continue
  printf '.SS %s\n' "$command"
  "$newsprint" help "$command" | verbatim
done
printf '.SH SEE ALSO\n.BR newsprintd (8)\n'
