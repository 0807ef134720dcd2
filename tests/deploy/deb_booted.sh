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

# With TLS, tokens and metrics. Files that root and the service alone may read.
certificate() {
  mkdir "/$1"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -addext subjectAltName=IP:127.0.0.1 -keyout "/$1/server.key" -out "/$1/server.crt"
}
put() {
  install -m 0640 -g newsprint "$1" "$2.new"
  mv "$2.new" "$2"
}
put_certificate() {
  put "/$1/server.key" /etc/newsprint/tls/server.key
  put "/$1/server.crt" /etc/newsprint/tls/server.crt
}
secure() { newsprint "$@" --tls_ca="/$in_use/server.crt"; }
operator() { secure stats --token_file=/operator.token; }
told() { journalctl -u newsprintd --no-pager | grep "$1"; }
certificate first
put_certificate first
hash=$(newsprint token create --output=/operator.token --json | grep -oE '[0-9a-f]{64}')
printf '{"identities": [{"name": "operator", "token_sha256": ["%s"],
  "grants": [{"collections": ["*"], "role": "admin"}]}]}' "$hash" >/access.json
put /access.json /etc/newsprint/tls/access.json
cat >>/etc/newsprint/newsprintd.flags <<'END'
--tls_cert=/etc/newsprint/tls/server.crt
--tls_key=/etc/newsprint/tls/server.key
--access_file=/etc/newsprint/tls/access.json
--metrics_listen=127.0.0.1:9464
END
systemctl restart newsprintd
ready() { [ "$(curl -s "http://127.0.0.1:9464/readyz")" = ok ]; }
wait_until ready
curl -s http://127.0.0.1:9464/metrics | grep '^newsprint_ready 1$'
in_use=first
operator
if secure stats; then exit 1; fi
secure stats 2>&1 | grep UNAUTHENTICATED
if newsprint stats; then exit 1; fi
if setpriv --reuid=nobody --regid=nogroup --clear-groups cat /etc/newsprint/tls/server.key; then exit 1; fi

# A new certificate counts without a restart, one that the service may not read does no harm, but at a start.
before=$(pid)
certificate second
if in_use=second operator; then exit 1; fi
put_certificate second
in_use=second
wait_until operator
told event=certificates_read
chmod 0600 /etc/newsprint/tls/server.key
wait_until told event=certificates_refused
operator
[ "$(pid)" = "$before" ]
if systemctl restart newsprintd; then exit 1; fi
told 'tls_key: cannot be read'
chmod 0640 /etc/newsprint/tls/server.key
systemctl reset-failed newsprintd
systemctl start newsprintd
wait_until operator

# A token that is taken back.
echo '{"identities": []}' >/nobody.json
put /nobody.json /etc/newsprint/tls/access.json
refused() { ! operator; }
wait_until refused
told event=access_file_read
cp /flags /etc/newsprint/newsprintd.flags
systemctl restart newsprintd
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
