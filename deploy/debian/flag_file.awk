# From `newsprintd --help` to the flag file of the package: every flag as a comment that shows its default,
# and those that the package sets. Usage: newsprintd --help | awk -f flag_file.awk
BEGIN {
  set["data_dir"] = "/var/lib/newsprint"
  print "# Flags of newsprintd, one on a line; \"newsprintd --help\" has them too. What begins with # is a comment."
  print "# After a change: newsprintd --flagfile=FILE --check_config, then systemctl restart newsprintd."
  print "# Keys and an access file go into /etc/newsprint/tls, as files of root:newsprint with mode 0640."
}
/^[A-Z][a-z]+:$/ {
  in_group = $0 != "Running:"  # its flags are for the command line
  if (in_group) print "\n## " substr($0, 1, length($0) - 1)
}
!in_group { next }
/^  --/ {
  equals = index($1, "=")
  name = equals ? substr($1, 3, equals - 3) : substr($1, 3)
  print "\n# " $1
  # A flag that is true or false has no line of its default.
  if (!equals) print "#--" name
}
/^      / {
  sub(/^ +/, "")
  print "# " $0
  if ($1 != "Default:") next
  value = $2
  sub(/[.;]$/, "", value)
  if (value == "none") value = ""
  print (name in set ? "--" name "=" set[name] : "#--" name "=" value)
}
