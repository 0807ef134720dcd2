# Runs in a clean Debian with a network and without systemd; see deb.sh.
say() { echo "by_hand: $*"; }

apt-get update -qq
apt-get install -y -qq --no-install-recommends /newsprint.deb
say installed
[ "$(stat -c %U:%G:%a /var/lib/newsprint)" = newsprint:newsprint:750 ]
[ "$(stat -c %U:%G:%a /etc/newsprint)" = root:root:755 ]
[ "$(stat -c %U:%G:%a /etc/newsprint/tls)" = root:newsprint:750 ]
newsprintd --version
newsprint --version
[ -s /usr/share/doc/newsprint/copyright ]

as_newsprint='setpriv --reuid=newsprint --regid=newsprint --clear-groups'
flags=--flagfile=/etc/newsprint/newsprintd.flags
$as_newsprint newsprintd $flags --check_config

$as_newsprint newsprintd $flags --listen=127.0.0.1:0 >/tmp/address 2>/tmp/log &
server=$!
for _ in $(seq 100); do
  if grep -q event=serving /tmp/log; then break; fi
  sleep 0.1
done
target=$(sed -n 's/^listening on //p' /tmp/address)
newsprint --target="$target" import --json /articles.jsonl | tee /tmp/import
grep -q '"failed":0' /tmp/import
newsprint --target="$target" groups
kill -TERM $server
wait $server
say "stopped with $?"

apt-get remove -y -qq newsprint
[ -f /var/lib/newsprint/CURRENT ]
[ -f /etc/newsprint/newsprintd.flags ]
[ -d /etc/newsprint/tls ]
say 'removed, and the data is still there'
apt-get purge -y -qq newsprint
[ ! -e /var/lib/newsprint ]
[ ! -e /etc/newsprint ]
say 'purged, and nothing is left'

apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus procps \
  curl openssl
