# Runs as a service of a booted Debian without a network; the packages that newsprint needs are there. See deb.sh.
wait_until() {
  for _ in $(seq 150); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  systemctl status newsprintd --no-pager || true
  return 1
}
articles() { newsprint stats --json | grep -o '"articles":[0-9]*' | head -n 1; }
pid() { systemctl show newsprintd --property=MainPID --value; }

# Installing starts it.
dpkg -i /newsprint.deb
systemctl is-active newsprintd
systemctl is-enabled newsprintd
wait_until newsprint stats
newsprint import --json /articles.jsonl | grep '"failed":0'
stored=$(articles)
[ "$(ps -o user= -p "$(pid)")" = newsprint ]
grep -E '^(NoNewPrivs:.*1|Seccomp:.*2|CapBnd:.*0000000000000000)$' "/proc/$(pid)/status" | wc -l | grep -x 3
systemd-analyze security newsprintd --no-pager | tail -n 1

# Killed, it comes back, with everything.
killed=$(pid)
kill -KILL "$killed"
came_back() { [ "$(pid)" != "$killed" ] && [ "$(pid)" != 0 ] && newsprint stats; }
wait_until came_back
[ "$(articles)" = "$stored" ]

# A wrong flag is told, and a service that runs is not touched by it.
cp /etc/newsprint/newsprintd.flags /flags
echo --title_bytes_max=0 >>/etc/newsprint/newsprintd.flags
[ "$(articles)" = "$stored" ]
if systemctl restart newsprintd; then exit 1; fi
journalctl -u newsprintd --no-pager | grep 'title_bytes_max: out of range, got 0, limit 1 to 65536'
cp /flags /etc/newsprint/newsprintd.flags
systemctl reset-failed newsprintd
systemctl start newsprintd
wait_until newsprint stats

# An upgrade restarts it.
before=$(pid)
dpkg -i /newsprint.deb
[ "$(pid)" != "$before" ]
wait_until newsprint stats
[ "$(articles)" = "$stored" ]

# SIGTERM is the normal end.
systemctl stop newsprintd
[ "$(systemctl show newsprintd --property=Result --value)" = success ]
[ "$(systemctl show newsprintd --property=ExecMainStatus --value)" = 0 ]
journalctl -u newsprintd --no-pager | grep event=stopped
systemctl start newsprintd

# Removing stops it and keeps the data; purging deletes them.
dpkg -r newsprint
if systemctl is-active newsprintd; then exit 1; fi
[ -f /var/lib/newsprint/CURRENT ]
dpkg -i /newsprint.deb
wait_until newsprint stats
[ "$(articles)" = "$stored" ]
dpkg --purge newsprint
[ ! -e /var/lib/newsprint ]
[ ! -e /etc/newsprint ]
echo passed
